package correlate

import "strings"

// links are ids that a verdict or a finding of ours has to carry so that the
// record is recognised after a restart, and that the event has no member for.
type links struct {
	request  key // of the record, when the log did not know it
	shared   key // of the record's copies in other accounts
	original key // of the record that this one corrects
}

const (
	linkRequest  = "requestID"
	linkShared   = "sharedEventID"
	linkOriginal = "originalEventID"
)

// links are those of a record.
func (a *arrival) links() links {
	if a.copies != (key{}) {
		return links{shared: a.copies, original: a.original}
	}
	return links{shared: a.shared, original: a.original}
}

// records are the records that the links lead to.
func (l *links) records() []key {
	list := []key{l.shared, l.original}
	if l.shared != (key{}) && l.original != (key{}) {
		list = append(list, ofCorrections(l.shared))
	}
	return list
}

// appendTo puts the links behind a text, in brackets, where [parseLinks] finds
// them.
func (l *links) appendTo(text string) string {
	var list []string
	for _, link := range []struct {
		name string
		id   key
	}{{linkRequest, l.request}, {linkShared, l.shared}, {linkOriginal, l.original}} {
		if link.id != (key{}) {
			list = append(list, link.name+" "+link.id.String())
		}
	}
	if len(list) == 0 {
		return text
	}
	if text != "" {
		text += " "
	}
	return text + "[" + strings.Join(list, " ") + "]"
}

func parseLinks(detail string) (l links) {
	detail, ok := strings.CutSuffix(detail, "]")
	if !ok {
		return l
	}
	words := strings.Fields(detail[strings.LastIndexByte(detail, '[')+1:])
	for i := 0; i+1 < len(words); i += 2 {
		id, ok := parseKey(words[i+1])
		if !ok {
			return l
		}
		switch words[i] {
		case linkRequest:
			l.request = id
		case linkShared:
			l.shared = id
		case linkOriginal:
			l.original = id
		}
	}
	return l
}
