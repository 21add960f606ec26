package dashboard

import (
	"bytes"
	"encoding/json"
	"net/url"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// Event is the view of all that the log has about one event.
type Event struct {
	// Entry is the event itself: of a call, its outcome if there is one.
	Entry  index.Entry
	Intent *index.Entry // of a call to AWS
	// Attempts are what CloudTrail has been found to say so far about those of the
	// entry.
	Attempts []Attempt
	// About are the entries that refer to the event, in the order of the log.
	About []index.Entry
	// Record is CloudTrail's record of the call, or of the one whose answer was given
	// again; nil if it is not kept.
	Record json.RawMessage
	// FillState is what CloudTrail says about the call whose answer was given again.
	FillState string

	VerifierKey string // of the log, in the note package's text form
}

// Attempt is what CloudTrail says about an attempt.
type Attempt struct{ State, Evidence, CloudTrailEventID string }

func (v Event) view() (name, section, title string) {
	return "event", "Events", "Event " + v.Entry.Event.ID
}

// ID is the event's.
func (v Event) ID() string { return v.Entry.Event.ID }

// E is the event.
func (v Event) E() *audit.Event { return &v.Entry.Event }

// Row is the event as it stands in a list.
func (v Event) Row() row { return newRow(&v.Entry) }

// Raw are the lines of the log, and CloudTrail's record, for reading.
func (v Event) Raw() []document {
	list := []document{{"Event, entry " + number(v.Entry.Event.Index), indented(v.Entry.Line)}}
	if v.Intent != nil && v.Intent.Event.Index != v.Entry.Event.Index {
		list = append(list, document{"Intent, entry " + number(v.Intent.Event.Index), indented(v.Intent.Line)})
	}
	for i := range v.About {
		e := &v.About[i]
		list = append(list, document{componentTitle(string(e.Event.Kind)) + ", entry " + number(e.Event.Index), indented(e.Line)})
	}
	if v.Record != nil {
		list = append(list, document{"CloudTrail’s record", indented(v.Record)})
	}
	return list
}

type document struct{ Title, Text string }

// indented spreads JSON over lines. The line itself is in the proof.
func indented(line []byte) string {
	var b bytes.Buffer
	if err := json.Indent(&b, line, "", "  "); err != nil {
		return visibleLines(string(line))
	}
	return visibleLines(b.String())
}

// Exports are the links to the event, and all about it.
func (v Event) Exports() []exportLink {
	return exportsOf("/export", url.Values{"q": {v.Entry.Event.ID}, "also": {"intent,verdict"}})
}

// Received is when a call came in.
func (v Event) Received() time.Time {
	e := &v.Entry.Event
	return e.Time.Add(-time.Duration(e.DurationUS) * time.Microsecond)
}
