package dashboard

import (
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// Events is the view of a page of the log, with a live tail if it is the newest.
type Events struct {
	Entries []index.Entry
	Next    string     // the cursor of what is older; empty if there is nothing
	Values  url.Values // the filters as they stand in the address, without page parameters
	Later   bool       // the page is not the newest
	After   int64      // the index behind which a live tail goes on; -1 for the first

	Indexed, Size uint64 // entries that can be found, and all of them
	Unreadable    int    // entries that were passed over because the log is damaged there
}

func (Events) view() (name, section, title string) { return "events", "Events", "Events" }

// row is an entry in a list. Scripts make the same of a line of the stream.
type row struct {
	ID    string
	Index uint64
	Time  time.Time
	Kind  audit.Kind

	Who    string // the principal, or who it claims to be
	Unsure bool   // Who was not proved
	What   string // the operation, or what happened
	On     string // what it was about
	Cache  audit.CacheResult
	Status int
	Result string // in words, when there is more to say than the status
	Took   string
	State  string

	CacheTone, StatusTone, StateTone tone
}

func newRow(e *index.Entry) row {
	v := &e.Event
	r := row{
		ID: v.ID, Index: v.Index, Time: v.Time, Kind: v.Kind, Who: v.Principal, What: v.Operation, On: v.ConnectionID,
		State: e.State, StateTone: stateTone(e.State), Status: v.Status,
	}
	if r.Who == "" && v.AccessKeyID != "" {
		r.Who, r.Unsure = v.AccessKeyID, true
	}
	if r.On == "" {
		r.On = v.Path
	}
	switch v.Kind {
	case audit.KindOutcome, audit.KindIntent:
		r.Cache, r.CacheTone = v.Cache, cacheTone(v.Cache)
		if v.Kind == audit.KindOutcome {
			r.StatusTone, r.Took = statusTone(v.Status), took(v.DurationUS)
		} else {
			r.Result = "intent"
		}
		if v.ErrorClass != "" && v.ErrorClass != audit.ErrorClassNone {
			r.Result = words(string(v.ErrorClass))
		}
	case audit.KindFinding:
		if r.Who == "" && v.Upstream != nil {
			r.Who = v.Upstream.IdentityARN
		}
		r.Result = v.Detail
	case audit.KindVerdict:
		r.What, r.On = "verdict", v.Of
		r.Result = words(v.Evidence)
	default:
		r.What = words(v.Action)
		r.Result = v.Detail
		if v.Status > 0 {
			r.StatusTone = statusTone(v.Status)
		}
	}
	for _, text := range []*string{&r.Who, &r.What, &r.On, &r.Result, &r.State} {
		*text = visible(*text)
	}
	r.Cache = audit.CacheResult(visible(string(r.Cache)))
	return r
}

// Rows are the entries, newest first.
func (v Events) Rows() []row { return rows(v.Entries) }

func rows(entries []index.Entry) []row {
	list := make([]row, len(entries))
	for i := range entries {
		list[i] = newRow(&entries[i])
	}
	return list
}

// field is one filter of the form.
type field struct {
	Name, Label, Value, Hint string
	Options                  []string // of a closed set
}

// Fields are all filters of the API.
func (v Events) Fields() []field {
	get := v.Values.Get
	list := []field{
		{Name: "principal", Label: "Principal", Value: get("principal")},
		{Name: "connection", Label: "Connection id", Value: get("connection")},
		{Name: "operation", Label: "Operation", Value: get("operation"), Hint: "GetConnection"},
		{Name: "region", Label: "Region", Value: get("region"), Hint: "us-west-2"},
		{Name: "decision", Label: "Decision", Value: get("decision"), Options: []string{string(audit.Allow), string(audit.Deny)}},
		{Name: "cache", Label: "Cache", Value: get("cache"), Options: []string{"hit", "miss", "coalesced", "bypass", "none"}},
		{Name: "error_class", Label: "Error class", Value: get("error_class"), Options: errorClasses()},
		{Name: "state", Label: "CloudTrail state", Value: get("state"), Options: index.States()},
		{Name: "kind", Label: "Kind", Value: get("kind"), Options: []string{"outcome", "intent", "verdict", "finding", "admin", "system"}},
		{Name: "also", Label: "Also list", Value: get("also"), Options: []string{"intent", "verdict", "intent,verdict"}},
		{Name: "request_id", Label: "Request id", Value: get("request_id"), Hint: "AWS’s, or event id"},
		{Name: "q", Label: "Text", Value: get("q"), Hint: "part of a name or id"},
		{Name: "since", Label: "Since (UTC)", Value: get("since"), Hint: "24h or 2026-11-23"},
		{Name: "until", Label: "Until (UTC)", Value: get("until"), Hint: "15m or 2026-11-24"},
	}
	return list
}

func errorClasses() []string {
	var list []string
	for _, c := range audit.ErrorClasses() {
		list = append(list, string(c))
	}
	return list
}

// chip is a filter that is set, and the address without it.
type chip struct{ Label, Value, Without string }

// Chips are the filters that are set.
func (v Events) Chips() []chip {
	var list []chip
	for _, f := range v.Fields() {
		if f.Value == "" {
			continue
		}
		list = append(list, chip{f.Label, f.Value, v.with(f.Name, "")})
	}
	return list
}

// with is the address of the view with one parameter set or, if the value is
// empty, without it.
func (v Events) with(name, value string) string {
	q := cloneValues(v.Values)
	q.Del(name)
	if value != "" {
		q.Set(name, value)
	}
	return pathWith("/events", q)
}

func cloneValues(v url.Values) url.Values {
	c := make(url.Values, len(v))
	for name, values := range v {
		c[name] = slices.Clone(values)
	}
	return c
}

func pathWith(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

// Older is the address of the next page, empty on the last.
func (v Events) Older() string {
	if v.Next == "" {
		return ""
	}
	return v.with("cursor", v.Next)
}

// Newest is the address of the first page.
func (v Events) Newest() string { return v.with("", "") }

// Live is the address of the stream that goes on behind this page, empty if
// nothing that comes could belong to it.
func (v Events) Live() string {
	// What a later verdict says of a call does not stand in the call's line.
	if v.Later || v.Values.Get("until") != "" || v.Values.Get("state") != "" {
		return ""
	}
	q := cloneValues(v.Values)
	q.Set("after", strconv.FormatInt(v.After, 10))
	q.Set("newest", strconv.Itoa(v.LiveRows()))
	return pathWith("/api/v1/stream", q)
}

// LiveRows is how many of the newest entries the page has room for.
func (v Events) LiveRows() int { return 50 }

// Exports are the links to what the filters choose.
func (v Events) Exports() []exportLink { return exportsOf("/export", v.Values) }

// Lag is how many entries cannot be found yet.
func (v Events) Lag() uint64 { return v.Size - min(v.Size, v.Indexed) }
