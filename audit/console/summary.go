package console

import (
	"encoding/json"
	"net/http"
	"time"
)

const (
	defaultSpan = 24 * time.Hour
	// maxSteps bounds an answer, and enough of them for any screen are chosen by
	// default.
	maxSteps     = 1500
	defaultSteps = 300
)

// summaryAnswer has a bucket for each step that has calls.
type summaryAnswer struct {
	Since       time.Time       `json:"since"`
	Until       time.Time       `json:"until"`
	StepSeconds int64           `json:"step_seconds"`
	Buckets     []summaryBucket `json:"buckets"`
	Indexed     uint64          `json:"indexed"`
}

type summaryBucket struct {
	Start      time.Time         `json:"start"`
	Calls      uint64            `json:"calls"`
	Cache      map[string]uint64 `json:"cache"`
	ErrorClass map[string]uint64 `json:"error_class"`
	State      map[string]uint64 `json:"state"`
}

// summary counts calls over time. It tells of no single one, and is not recorded.
func (c *Console) summary(w http.ResponseWriter, r *http.Request) error {
	span, err := spanOf(queryOf(r), time.Now())
	if err != nil {
		return err
	}
	found, err := c.cfg.Index.Summary(r.Context(), span)
	if err != nil {
		return indexFailure(err)
	}
	answer := summaryAnswer{
		Since: span.Since, Until: span.Until, StepSeconds: int64(span.Step / time.Second),
		Buckets: []summaryBucket{}, Indexed: found.Indexed,
	}
	for _, b := range found.Buckets {
		answer.Buckets = append(answer.Buckets, summaryBucket{
			Start: b.Start.UTC(), Calls: b.Calls, Cache: counts(b.Cache), ErrorClass: counts(b.ErrorClass), State: counts(b.State),
		})
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	reply(w, "application/json", append(body, '\n'))
	return nil
}

// counts makes an empty object of no counts.
func counts(m map[string]uint64) map[string]uint64 {
	if m == nil {
		return map[string]uint64{}
	}
	return m
}

// spanOf fills in what the parameters leave open: a day until now, in steps that
// a reader can count in.
func spanOf(q *query, now time.Time) (Span, error) {
	s := Span{Since: q.filter.Since, Until: q.filter.Until, Step: q.step}
	if s.Until.IsZero() {
		s.Until = now.UTC()
	}
	if s.Since.IsZero() {
		s.Since = s.Until.Add(-defaultSpan)
	}
	length := s.Until.Sub(s.Since)
	if length <= 0 {
		return Span{}, badParameter("since", "The parameter since leaves no time: since has to be before until, which is now unless it is given.")
	}
	if s.Step == 0 {
		s.Step = roundStep(length)
	}
	if steps := (length + s.Step - 1) / s.Step; steps > maxSteps {
		return Span{}, badParameter("step", "The parameter step makes %d steps; %d are the most: ask for longer steps or less time.", steps, maxSteps)
	}
	return s, nil
}

func roundStep(length time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second,
		time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 7 * day, 30 * day,
	} {
		if length <= defaultSteps*step {
			return step
		}
	}
	return (length/defaultSteps + day).Truncate(day)
}

