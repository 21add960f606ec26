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
	indexed := c.cfg.Index.Indexed()
	points, err := c.cfg.Index.Summary(r.Context(), span.since, span.until, span.step)
	if err != nil {
		return indexFailure(err)
	}
	answer := summaryAnswer{
		Since: span.since, Until: span.until, StepSeconds: int64(span.step / time.Second), Buckets: []summaryBucket{}, Indexed: indexed,
	}
	for _, p := range points {
		answer.Buckets = append(answer.Buckets, summaryBucket{Start: p.Start, Calls: p.Calls, Cache: p.ByCache, ErrorClass: p.ByErrorClass, State: p.ByState})
	}
	body, err := json.Marshal(answer)
	if err != nil {
		return err
	}
	reply(w, "application/json", append(body, '\n'))
	return nil
}

// span is a time in steps. Steps begin at multiples of their length, and are
// counted whole.
type span struct {
	since, until time.Time
	step         time.Duration
}

// spanOf fills in what the parameters leave open: a day until now, in steps that
// a reader can count in.
func spanOf(q *query, now time.Time) (span, error) {
	s := span{since: q.filter.Since, until: q.filter.Until, step: q.step}
	if s.until.IsZero() {
		s.until = now.UTC()
	}
	if s.since.IsZero() {
		s.since = s.until.Add(-defaultSpan)
	}
	length := s.until.Sub(s.since)
	if length <= 0 {
		return span{}, badParameter("since", "The parameter since leaves no time: since has to be before until, which is now unless it is given.")
	}
	if s.step == 0 {
		s.step = roundStep(length)
	}
	if steps := length/s.step + 1; steps > maxSteps {
		return span{}, badParameter("step", "The parameter step makes %d steps; %d are the most: ask for longer steps or less time.", steps, maxSteps)
	}
	return s, nil
}

func roundStep(length time.Duration) time.Duration {
	const day = 24 * time.Hour
	for _, step := range []time.Duration{
		time.Minute, 5 * time.Minute, 10 * time.Minute, 30 * time.Minute,
		time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day, 7 * day, 30 * day,
	} {
		if length <= defaultSteps*step {
			return step
		}
	}
	return (length/defaultSteps + day).Truncate(day)
}
