package console

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// lookupPatience is for an event so new that the index does not have it yet, and
// proofPatience for one so new that no checkpoint covers it: both are made within
// a second or so.
const (
	lookupPatience = 3 * time.Second
	proofPatience  = 3 * time.Second
)

// Story is everything that the log has about one event, with lines as they are
// stored: the answer of /api/v1/events/{id}.
type Story struct {
	Event            json.RawMessage   `json:"event"`
	State            string            `json:"state,omitempty"`
	Intent           json.RawMessage   `json:"intent,omitempty"`
	Attempts         []Attempt         `json:"attempts"`
	Verdicts         []json.RawMessage `json:"verdicts"`
	Findings         []json.RawMessage `json:"findings"`
	About            []json.RawMessage `json:"about,omitempty"` // other events that name this one
	CloudTrailRecord json.RawMessage   `json:"cloudtrail_record,omitempty"`
	Fill             *Fill             `json:"fill,omitempty"`

	event *audit.Event
}

// Fill is the call to AWS whose answer was given again, with what is known about
// it: CloudTrail has no record of the call that it was given to.
type Fill struct {
	EventID          string            `json:"event_id"`
	State            string            `json:"state,omitempty"` // none if the log does not have the call
	Verdicts         []json.RawMessage `json:"verdicts"`
	CloudTrailRecord json.RawMessage   `json:"cloudtrail_record,omitempty"`
}

// Attempt is a request to AWS with what CloudTrail has been found to say about it
// so far.
type Attempt struct {
	RequestID         string `json:"request_id,omitempty"`
	Status            int    `json:"status,omitempty"`
	ErrorCode         string `json:"error_code,omitempty"`
	DurationUS        int64  `json:"duration_us,omitempty"`
	State             string `json:"state,omitempty"`
	Evidence          string `json:"evidence,omitempty"`
	CloudTrailEventID string `json:"cloudtrail_event_id,omitempty"`
}

func (c *Console) event(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	s, err := c.lookup(r)
	if err != nil {
		return c.recordMissing(w, r, actionEvent, err)
	}
	if s.CloudTrailRecord, err = c.cloudTrailRecord(r.Context(), s); err != nil {
		return err
	}
	if f := s.event.Fill; f != nil && f.EventID != "" {
		if s.Fill, err = c.fill(r.Context(), f.EventID); err != nil {
			return err
		}
	}
	body, err := marshal(s)
	if err != nil {
		return err
	}
	if err := c.record(w, r, actionEvent, http.StatusOK); err != nil {
		return err
	}
	reply(w, "application/json", body)
	return nil
}

// cloudTrailRecord returns the record that an event names, or a call's last attempt
// that has one.
func (c *Console) cloudTrailRecord(ctx context.Context, s *Story) (record json.RawMessage, err error) {
	id := s.event.CloudTrailEventID
	for _, a := range s.Attempts {
		id = cmp.Or(a.CloudTrailEventID, id)
	}
	if c.cfg.Records == nil || id == "" {
		return nil, nil
	}
	if record, err = c.cfg.Records.Record(ctx, id); err != nil {
		return nil, unavailable("CloudTrail's record of this event cannot be read now.", err)
	}
	return record, nil
}

// fill tells of the call that filled the cache.
func (c *Console) fill(ctx context.Context, id string) (*Fill, error) {
	f := &Fill{EventID: id, Verdicts: []json.RawMessage{}}
	entries, err := c.cfg.Index.Get(ctx, id)
	if err == nil {
		var s *Story
		if s, err = tell(id, entries); err == nil {
			f.State, f.Verdicts = s.State, s.Verdicts
			f.CloudTrailRecord, err = c.cloudTrailRecord(ctx, s)
			return f, err
		}
	}
	if errors.Is(err, index.ErrNotFound) || errors.Is(err, errNoEvent) {
		return f, nil // it is not in the log any more
	}
	return nil, indexFailure(err)
}

// recordMissing records a look for something that is not there: that answer, too,
// tells something about the log.
func (c *Console) recordMissing(w http.ResponseWriter, r *http.Request, action string, err error) error {
	if f, ok := errors.AsType[*failure](err); ok && f.status == http.StatusNotFound {
		if recorded := c.record(w, r, action, f.status); recorded != nil {
			return recorded
		}
	}
	return err
}

// lookup finds the event that the request's path names.
func (c *Console) lookup(r *http.Request) (*Story, error) {
	id, entries, err := c.find(r.Context(), queryOf(r).id)
	switch {
	case errors.Is(err, index.ErrNotFound):
		return nil, errNoEvent
	case err != nil:
		return nil, indexFailure(err)
	}
	return tell(id, entries)
}

var errNoEvent = &failure{status: http.StatusNotFound, detail: "The log has no event with this id."}

// find returns what the index has about an id, that of an event or else that of a
// request to AWS, and the event's id. What is not there yet is waited for: callers
// may ask for an event as soon as they were told of it.
func (c *Console) find(ctx context.Context, asked string) (id string, entries []index.Entry, err error) {
	id, entries, err = c.findNow(ctx, asked)
	size := c.cfg.Log.Size()
	settled := err == nil && !inFlight(entries) || err != nil && !errors.Is(err, index.ErrNotFound)
	if settled || c.cfg.Index.Indexed() >= size {
		return id, entries, err
	}
	patience, cancel := context.WithTimeout(ctx, lookupPatience)
	defer cancel()
	if late := c.cfg.Index.Wait(patience, size); late != nil && err != nil {
		return "", nil, late // it may be among those that are not indexed
	}
	return c.findNow(ctx, asked)
}

func (c *Console) findNow(ctx context.Context, asked string) (id string, entries []index.Entry, err error) {
	entries, err = c.cfg.Index.Get(ctx, asked)
	if !errors.Is(err, index.ErrNotFound) {
		return asked, entries, err
	}
	calls, err := c.cfg.Index.ByRequest(ctx, asked)
	if err != nil {
		return "", nil, err
	}
	id = calls[len(calls)-1].Event.ID
	for i := range calls { // a finding about the request is told with the call
		if calls[i].Event.Kind == audit.KindOutcome {
			id = calls[i].Event.ID
		}
	}
	entries, err = c.cfg.Index.Get(ctx, id)
	return id, entries, err
}

// inFlight tells a call of which the intent alone is known.
func inFlight(entries []index.Entry) bool {
	return len(entries) == 1 && entries[0].Event.Kind == audit.KindIntent
}

// tell sorts the entries that an event's id leads to, which are in the log's
// order: the event's own, and those about it.
func tell(id string, entries []index.Entry) (*Story, error) {
	s := &Story{Attempts: []Attempt{}, Verdicts: []json.RawMessage{}, Findings: []json.RawMessage{}}
	var event *audit.Event
	verdicts := make(map[int]*audit.Event) // the newest on each attempt
	for i := range entries {
		switch e, line := &entries[i].Event, entries[i].Line; {
		case e.ID == id:
			if e.Kind == audit.KindIntent {
				s.Intent = line
			}
			if event == nil || e.Kind != audit.KindIntent {
				s.Event, s.State, event = line, entries[i].State, e
			}
		case e.Kind == audit.KindVerdict:
			s.Verdicts = append(s.Verdicts, line)
			verdicts[e.OfAttempt] = e
		case e.Kind == audit.KindFinding:
			s.Findings = append(s.Findings, line)
		default:
			s.About = append(s.About, line)
		}
	}
	if event == nil {
		return nil, errNoEvent
	}
	s.event = event
	for i, a := range event.Attempts {
		merged := Attempt{RequestID: a.RequestID, Status: a.Status, ErrorCode: a.ErrorCode, DurationUS: a.DurationUS}
		if v := verdicts[i]; v != nil {
			merged.State, merged.Evidence, merged.CloudTrailEventID = v.State, v.Evidence, v.CloudTrailEventID
		}
		s.Attempts = append(s.Attempts, merged)
	}
	return s, nil
}
