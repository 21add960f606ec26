package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/console"
)

// cloudTrailRecords has CloudTrail's records, as far as they were seen; an
// [archive.Archive] does.
type cloudTrailRecords interface {
	// Record returns the JSON of a record by its eventID, or nil.
	Record(ctx context.Context, eventID string) (json.RawMessage, error)
}

// storyReader reads stories from a log's directory.
type storyReader struct {
	dir     string
	records cloudTrailRecords // nil: none are kept
	damaged *damage
}

// newStoryReader opens the records that are kept beside a log.
func newStoryReader(ctx context.Context, dir string, damaged *damage) (r *storyReader, closer func() error, err error) {
	a, err := archive.OpenReader(ctx, dir)
	if errors.Is(err, archive.ErrAbsent) {
		return &storyReader{dir: dir, damaged: damaged}, func() error { return nil }, nil
	}
	if err != nil {
		return nil, nil, err
	}
	return &storyReader{dir: dir, records: a, damaged: damaged}, a.Close, nil
}

// read returns the story of an event, or of the call that made a request to AWS.
// Without event there is none.
func (r *storyReader) read(ctx context.Context, id string) (eventStory, error) {
	story, err := r.collect(ctx, id)
	if err == nil && story.event == nil {
		if id, err = r.eventOfRequest(ctx, id); err == nil && id != "" {
			story, err = r.collect(ctx, id)
		}
	}
	if err != nil || story.event == nil {
		return eventStory{}, err
	}
	if story.record, err = r.record(ctx, &story); err != nil {
		return eventStory{}, err
	}
	if f := story.event.event.Fill; f != nil && f.EventID != "" {
		filled, err := r.collect(ctx, f.EventID)
		if err != nil {
			return eventStory{}, err
		}
		story.fill = &console.Fill{EventID: f.EventID, Verdicts: filled.lines(audit.KindVerdict)}
		if filled.event != nil {
			story.fill.State = filled.state()
			if story.fill.CloudTrailRecord, err = r.record(ctx, &filled); err != nil {
				return eventStory{}, err
			}
		}
	}
	return story, nil
}

// collect gathers what the log has about an event.
func (r *storyReader) collect(ctx context.Context, id string) (story eventStory, err error) {
	for record, err := range backward(ctx, r.dir, [][]byte{[]byte(id)}, nil, r.damaged) {
		if err != nil {
			return eventStory{}, err
		}
		// The intent stands shortly before the outcome.
		past := story.event != nil && record.event.Time.Before(story.event.event.Time.Add(-clockSlack))
		if past || story.add(record, id) {
			break
		}
	}
	slices.Reverse(story.about)
	return story, nil
}

// eventOfRequest returns the id of the call that made a request to AWS, or of the
// finding about it.
func (r *storyReader) eventOfRequest(ctx context.Context, request string) (id string, err error) {
	for record, err := range backward(ctx, r.dir, [][]byte{[]byte(request)}, nil, r.damaged) {
		if err != nil {
			return "", err
		}
		e := &record.event
		if !slices.ContainsFunc(e.Attempts, func(a audit.Attempt) bool { return a.RequestID == request }) {
			continue
		}
		if e.Kind == audit.KindOutcome {
			return e.ID, nil
		}
		id = cmp.Or(e.Of, e.ID) // unless the call's own line is found
	}
	return id, nil
}

// record returns CloudTrail's record of a call, or the one that a finding is about.
func (r *storyReader) record(ctx context.Context, s *eventStory) (json.RawMessage, error) {
	id := s.event.event.CloudTrailEventID
	for _, a := range s.attempts() {
		id = cmp.Or(a.CloudTrailEventID, id)
	}
	if r.records == nil || id == "" {
		return nil, nil
	}
	return r.records.Record(ctx, id)
}

// attempts are the requests to AWS, each with the newest verdict on it.
func (s *eventStory) attempts() []console.Attempt {
	list := []console.Attempt{}
	for i, a := range s.event.event.Attempts {
		judged := console.Attempt{RequestID: a.RequestID, Status: a.Status, ErrorCode: a.ErrorCode, DurationUS: a.DurationUS}
		for _, r := range s.about {
			if v := &r.event; v.Kind == audit.KindVerdict && v.OfAttempt == i {
				judged.State, judged.Evidence, judged.CloudTrailEventID = v.State, v.Evidence, v.CloudTrailEventID
			}
		}
		list = append(list, judged)
	}
	return list
}

// state is that of the call by now; of another event it is its own.
func (s *eventStory) state() string {
	e := &s.event.event
	if e.Kind != audit.KindOutcome && e.Kind != audit.KindIntent {
		return e.State
	}
	newest := verdicts{}
	for _, r := range slices.Backward(s.about) {
		if r.event.Kind == audit.KindVerdict {
			newest.add(&r.event)
		}
	}
	return newest.state(e)
}

// lines are those of the events about this one that have a kind.
func (s *eventStory) lines(kinds ...audit.Kind) []json.RawMessage {
	list := []json.RawMessage{}
	for _, r := range s.about {
		if slices.Contains(kinds, r.event.Kind) {
			list = append(list, r.line)
		}
	}
	return list
}

// writeJSON prints one object that holds the lines as they are stored.
func (s *eventStory) writeJSON(p *program) error {
	doc := console.Story{
		Event: s.event.line, State: s.state(), Attempts: s.attempts(),
		Verdicts: s.lines(audit.KindVerdict), Findings: s.lines(audit.KindFinding),
		About:            s.lines(audit.KindAdmin, audit.KindSystem, audit.KindOutcome, audit.KindIntent),
		CloudTrailRecord: s.record, Fill: s.fill,
	}
	if s.intent != nil {
		doc.Intent = s.intent.line
	}
	encoder := json.NewEncoder(p.stdout)
	encoder.SetEscapeHTML(false) // as stored
	return encoder.Encode(doc)
}

// writeCloudTrail tells what CloudTrail has to say.
func (s *eventStory) writeCloudTrail(w *storyWriter) {
	w.heading("According to CloudTrail")
	w.row("state", s.state())
	w.cloudTrailRecord(s.record)
	if f := s.fill; f != nil {
		w.row("filling call", words(f.EventID, f.State))
		for _, line := range f.Verdicts {
			if e, err := audit.ParseLine(line); err == nil {
				w.about(&e)
			}
		}
		w.cloudTrailRecord(f.CloudTrailRecord)
	}
}

// cloudTrailRecord tells the gist of a record.
func (w *storyWriter) cloudTrailRecord(record json.RawMessage) {
	var r struct {
		EventID      string    `json:"eventID"`
		EventTime    time.Time `json:"eventTime"`
		EventName    string    `json:"eventName"`
		SourceIP     string    `json:"sourceIPAddress"`
		ErrorCode    string    `json:"errorCode"`
		UserAgent    string    `json:"userAgent"`
		UserIdentity struct {
			ARN string `json:"arn"`
		} `json:"userIdentity"`
	}
	if len(record) == 0 || json.Unmarshal(record, &r) != nil {
		return
	}
	w.row("record", words(r.EventID, r.EventName, r.ErrorCode, "at", r.EventTime.UTC().Format(time.RFC3339)))
	w.row("  by", words(r.UserIdentity.ARN, strings.TrimSpace(words(bracketed("from", r.SourceIP)))))
	w.row("  with", r.UserAgent)
}

// showServer is audit show over the API.
func (p *program) showServer(ctx context.Context, s *server, want eventName, output string) error {
	if want.id == "" {
		var err error
		if want.id, err = s.idAt(ctx, want.index); err != nil {
			return err
		}
	}
	var doc console.Story
	if err := s.getJSON(ctx, "/api/v1/events/"+want.id, nil, &doc); err != nil {
		return err
	}
	story := eventStory{record: doc.CloudTrailRecord, fill: doc.Fill}
	event, err := parseRecord(doc.Event)
	if err != nil {
		return err
	}
	story.event = &event
	if doc.Intent != nil {
		intent, err := parseRecord(doc.Intent)
		if err != nil {
			return err
		}
		story.intent = &intent
	}
	for _, lines := range [][]json.RawMessage{doc.Verdicts, doc.Findings, doc.About} {
		records, err := parseRecords(lines)
		if err != nil {
			return err
		}
		story.about = append(story.about, records...)
	}
	slices.SortFunc(story.about, func(a, b record) int { return cmp.Compare(a.event.Index, b.event.Index) })
	if output == "json" {
		return story.writeJSON(p)
	}
	return story.write(p)
}
