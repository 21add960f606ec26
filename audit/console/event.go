package console

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// lookupPatience is for an event so new that the index does not have it yet, and
// proofPatience for one so new that no checkpoint covers it: both are made within
// a second or so.
const (
	lookupPatience = 3 * time.Second
	proofPatience  = 3 * time.Second
)

// story is everything that the log has about one event.
type story struct {
	Event            json.RawMessage   `json:"event"`
	Intent           json.RawMessage   `json:"intent,omitempty"`
	Attempts         []attempt         `json:"attempts"`
	Verdicts         []json.RawMessage `json:"verdicts"`
	Findings         []json.RawMessage `json:"findings"`
	About            []json.RawMessage `json:"about,omitempty"`
	CloudTrailRecord json.RawMessage   `json:"cloudtrail_record,omitempty"`

	index uint64
}

// attempt is a request to AWS with what CloudTrail has been found to say about it
// so far.
type attempt struct {
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
	if c.cfg.Records != nil {
		for _, a := range s.Attempts {
			if a.CloudTrailEventID == "" {
				continue
			}
			if s.CloudTrailRecord, err = c.cfg.Records.Record(r.Context(), a.CloudTrailEventID); err != nil {
				return unavailable("CloudTrail's record of this event cannot be read now.", err)
			}
		}
	}
	body, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if err := c.record(w, r, actionEvent, http.StatusOK); err != nil {
		return err
	}
	reply(w, "application/json", append(body, '\n'))
	return nil
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
func (c *Console) lookup(r *http.Request) (*story, error) {
	ctx, cancel := context.WithTimeout(r.Context(), lookupPatience)
	defer cancel()
	found, err := c.cfg.Index.Lookup(ctx, queryOf(r).id)
	switch {
	case errors.Is(err, ErrNotFound):
		return nil, &failure{status: http.StatusNotFound, detail: "The log has no event with this id."}
	case err != nil:
		return nil, indexFailure(err)
	}
	s := &story{index: found.Event.Index, Event: found.Event.Line, Attempts: []attempt{}, Verdicts: []json.RawMessage{}, Findings: []json.RawMessage{}}
	if found.Intent != nil {
		s.Intent = found.Intent.Line
	}
	verdicts := make(map[int]audit.Event) // the newest on each attempt
	for _, entry := range found.About {
		e, err := audit.ParseLine(entry.Line)
		if err != nil {
			return nil, err
		}
		switch e.Kind {
		case audit.KindVerdict:
			s.Verdicts = append(s.Verdicts, entry.Line)
			verdicts[e.OfAttempt] = e
		case audit.KindFinding:
			s.Findings = append(s.Findings, entry.Line)
		default:
			s.About = append(s.About, entry.Line)
		}
	}
	e, err := audit.ParseLine(found.Event.Line)
	if err != nil {
		return nil, err
	}
	for i, a := range e.Attempts {
		v := verdicts[i]
		s.Attempts = append(s.Attempts, attempt{
			RequestID: a.RequestID, Status: a.Status, ErrorCode: a.ErrorCode, DurationUS: a.DurationUS,
			State: v.State, Evidence: v.Evidence, CloudTrailEventID: v.CloudTrailEventID,
		})
	}
	return s, nil
}
