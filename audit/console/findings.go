package console

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func (c *Console) findings(w http.ResponseWriter, r *http.Request) error {
	if q := queryOf(r); q.findings == "" {
		q.findings = index.AllFindings
	}
	return c.page(w, r, "findings", actionFindings)
}

// findingsEnd is what follows the lines of a page of findings besides.
type findingsEnd struct {
	Calls        map[string]json.RawMessage `json:"calls"`
	Acknowledged map[string]acknowledgement `json:"acknowledged"`
}

// acknowledgement says who has seen a finding.
type acknowledgement struct {
	EventID string    `json:"event_id"` // of the event that records it
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Note    string    `json:"note"`
}

// addFindings adds what the lines of findings do not say: the calls that they are
// about, which a verdict names by its id alone, and who has seen them.
func (p *pageEnd) addFindings(entries []index.Entry) {
	p.findingsEnd = &findingsEnd{Calls: map[string]json.RawMessage{}, Acknowledged: map[string]acknowledgement{}}
	for i := range entries {
		e := &entries[i]
		if e.Call != nil {
			p.Calls[e.Call.Event.ID] = e.Call.Line
			p.States[e.Call.Event.ID] = e.Call.State
		}
		if a := e.Acknowledged; a != nil {
			p.Acknowledged[e.Event.ID] = acknowledgement{EventID: a.ID, By: a.By, At: a.At, Note: a.Note}
		}
	}
}

const (
	// maxNote is in characters. A note whose encoding does not fit into an event is
	// refused too.
	maxNote = dashboard.MaxNote
	// maxBody leaves room for a note in which every character is escaped.
	maxBody = 32 << 10
)

var errNoFinding = &failure{status: http.StatusNotFound, detail: "The log has no finding with this id."}

// acknowledge records that somebody has seen a finding, and why it is none any
// more. It may be said again; what was said before stays in the log.
func (c *Console) acknowledge(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	note, err := readNote(r)
	if err != nil {
		return err
	}
	a, err := c.acknowledged(w, r, note)
	if err != nil {
		return err
	}
	body, err := marshal(struct {
		ID           string          `json:"id"`
		Acknowledged acknowledgement `json:"acknowledged"`
	}{queryOf(r).id, a})
	if err != nil {
		return err
	}
	reply(w, "application/json", body)
	return nil
}

// acknowledged records that the finding which a request names has been seen.
func (c *Console) acknowledged(w http.ResponseWriter, r *http.Request, note string) (a acknowledgement, err error) {
	if err := checkNote(note); err != nil {
		return a, err
	}
	asked := queryOf(r).id
	id, entries, err := c.find(r.Context(), asked)
	if err != nil && !errors.Is(err, index.ErrNotFound) {
		return a, indexFailure(err)
	}
	if id != asked || !slices.ContainsFunc(entries, func(e index.Entry) bool { return e.Event.ID == id && index.IsFinding(&e.Event) }) {
		return a, c.recordMissing(w, r, index.ActionFindingAcknowledged, errNoFinding)
	}
	e := adminEvent(r, index.ActionFindingAcknowledged, http.StatusOK)
	e.Of, e.Detail = id, note
	if written, err := audit.ParseLine(audit.AppendLine(nil, &e)); err != nil || slices.Contains(written.Truncated, "detail") {
		return a, &failure{status: http.StatusBadRequest, detail: "The note is too long to be recorded as it is.", cause: err}
	}
	size, err := c.commit(w, r, &e)
	if err != nil {
		return a, err
	}
	// Whoever asks for the findings next is to see it; it is recorded in any case.
	patience, cancel := context.WithTimeout(r.Context(), lookupPatience)
	defer cancel()
	_ = c.cfg.Index.Wait(patience, size)
	return acknowledgement{EventID: e.ID, By: e.Principal, At: e.Time.UTC(), Note: note}, nil
}

// readNote reads {"note": "…"}.
func readNote(r *http.Request) (string, error) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return "", &failure{status: http.StatusUnsupportedMediaType, detail: "The body of this request is application/json."}
	}
	bad := func(detail string) (string, error) {
		return "", &failure{status: http.StatusBadRequest, detail: detail}
	}
	data, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return "", err
	}
	var said struct {
		Note *string `json:"note"`
	}
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if len(data) > maxBody || !utf8.Valid(data) || decoder.Decode(&said) != nil || said.Note == nil || decoder.Decode(&struct{}{}) != io.EOF {
		return bad(`The body of this request is an object with one member, note, a string.`)
	}
	return *said.Note, nil
}

// checkNote refuses a note that says nothing, or what must not be recorded.
func checkNote(note string) error {
	bad := func(detail string) error { return &failure{status: http.StatusBadRequest, detail: detail} }
	switch {
	case strings.TrimSpace(note) == "":
		return bad("The note is empty; say why this is no longer to be looked at.")
	case utf8.RuneCountInString(note) > maxNote:
		return bad("The note has more than 2000 characters.")
	case holdsToken(note):
		return bad("The note holds what looks like an admin token, which belongs into the field Authorization alone; replace it, for notes are recorded.")
	}
	return nil
}
