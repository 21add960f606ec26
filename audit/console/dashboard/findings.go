package dashboard

import (
	"net/url"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// Findings is the view of what needs an eye: records of CloudTrail's that the log
// does not explain, and calls that CloudTrail does not bear out.
type Findings struct {
	Values  url.Values     // the filters as they stand in the address, without page parameters
	State   string         // the state that is looked at, empty for all
	Which   index.Findings // the open ones, or those that somebody has acknowledged
	Entries []index.Entry
	Next    string // cursor
	Later   bool   // the page is not the first
	Counts  []OpenFindings
}

// MaxNote is the length of the longest note, in characters.
const MaxNote = 2000

func (Findings) view() (name, section, title string) { return "findings", "Findings", "Findings" }

// finding is an entry with what became of it.
type finding struct {
	row
	Acknowledged *index.Acknowledgement
	Why          string
	Facts        []fact
}

// Rows are the findings, newest first.
func (v Findings) Rows() []finding {
	list := make([]finding, len(v.Entries))
	for i := range v.Entries {
		e := &v.Entries[i]
		f := finding{row: newRow(e), Acknowledged: e.Acknowledged, Why: openReason(e.Event.State)}
		f.State, f.StateTone = e.Event.State, stateTone(e.Event.State)
		var s step
		if e.Call != nil {
			c := newRow(e.Call)
			f.Who, f.What, f.Unsure = c.Who, c.What, c.Unsure
			s.link("call", c.ID, eventPath(c.ID))
			s.link("connection", e.Call.Event.ConnectionID, ConnectionPath(e.Call.Event.ConnectionID))
			s.add("answered", c.Result)
			s.code("from", e.Call.Event.SourceIP)
		}
		own := e.Event
		if e.Call != nil {
			own.Of, own.ConnectionID = "", ""
		}
		own.Operation = "" // stands in the title
		if own.Kind == audit.KindFinding {
			own.Principal = ""
			if own.Upstream != nil { // whose identity does, too
				u := *own.Upstream
				u.IdentityARN = ""
				own.Upstream = &u
			}
		}
		s.facts(&own)
		f.Facts = s.Facts
		list[i] = f
	}
	return list
}

// tab is one choice of what to look at.
type tab struct {
	Name, Link string
	Current    bool
	Count      string
	Tone       tone
}

// Tabs are the states to look at, with what is open of each.
func (v Findings) Tabs() []tab {
	list := []tab{{Name: "all", Link: v.path("", v.Which, ""), Current: v.State == ""}}
	for _, state := range index.FindingStates() {
		t := tab{Name: words(state), Link: v.path(state, v.Which, ""), Current: v.State == state}
		for _, o := range v.Counts {
			if o.State == state && o.Count > 0 {
				t.Count, t.Tone = number(o.Count), stateTone(state)
				if o.More {
					t.Count += "+"
				}
			}
		}
		list = append(list, t)
	}
	return list
}

// Choices are the open ones and the others.
func (v Findings) Choices() []tab {
	return []tab{
		{Name: "open", Link: v.path(v.State, index.OpenFindings, ""), Current: v.Which == index.OpenFindings},
		{Name: "acknowledged", Link: v.path(v.State, index.AcknowledgedFindings, ""), Current: v.Which == index.AcknowledgedFindings},
	}
}

// path is the address of the view with the other filters as they are.
func (v Findings) path(state string, which index.Findings, cursor string) string {
	acknowledged := ""
	if which == index.AcknowledgedFindings {
		acknowledged = "true"
	}
	q := cloneValues(v.Values)
	for name, value := range map[string]string{"state": state, "acknowledged": acknowledged, "cursor": cursor} {
		if q.Del(name); value != "" {
			q.Set(name, value)
		}
	}
	return pathWith("/findings", q)
}

// Older is the address of the next page.
func (v Findings) Older() string {
	if v.Next == "" {
		return ""
	}
	return v.path(v.State, v.Which, v.Next)
}

// Here is the address of the view's first page.
func (v Findings) Here() string { return v.path(v.State, v.Which, "") }

// Exports are the links to what the filters choose.
func (v Findings) Exports() []exportLink {
	return exportsOf("/findings/export", v.Values)
}

// NoteLength is that of the longest note.
func (Findings) NoteLength() int { return MaxNote }
