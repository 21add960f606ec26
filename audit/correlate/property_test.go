package correlate_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// scenario is a log and CloudTrail's records of the same time.
type scenario struct {
	lines   []audit.Event // in order of time
	records []cloudtrail.Record
	about   map[string]string // what a record is, by its eventID
}

// drawScenario makes calls of every sort, and records with every fault, in such a
// way that what is said in the end does not depend on any order: corrections are
// of records that tell their ids.
func drawScenario(t *rapid.T) scenario {
	s := scenario{about: map[string]string{}}
	n := rapid.IntRange(1, 6).Draw(t, "calls")
	s.lines = append(s.lines, audit.Event{V: 1, Kind: audit.KindSystem, Time: at(0), Action: "start"})
	for c := 1; c <= n; c++ {
		begin := float64(3 * c)
		connection := fmt.Sprint("conn", rapid.IntRange(1, 2).Draw(t, "connection"))
		request := func(no int) string { return requestID(10*c + no) }
		known := func(no, status int, code string) audit.Attempt {
			return audit.Attempt{RequestID: request(no), Status: status, ErrorCode: code}
		}
		var attempts []audit.Attempt
		kind := rapid.SampledFrom([]string{"answered", "denied", "lost", "orphan", "retried", "lost retried", "lost twice", "refused", "nothing sent", "in flight"}).Draw(t, "kind")
		saw := 1
		ends := begin + 0.2
		switch kind {
		case "answered":
			attempts = []audit.Attempt{known(0, 200, "")}
		case "denied":
			attempts = []audit.Attempt{known(0, 403, "AccessDeniedException")}
		case "lost":
			attempts = []audit.Attempt{lost}
		case "orphan":
			ends = begin + 4000
		case "retried":
			attempts, saw = []audit.Attempt{known(0, 200, ""), known(1, 200, "")}, 2
		case "lost retried":
			attempts, saw = []audit.Attempt{lost, known(1, 200, "")}, 2
		case "lost twice":
			attempts, saw = []audit.Attempt{lost, lost}, 2
		case "refused":
			attempts = []audit.Attempt{known(0, 403, "UnrecognizedClientException")}
		case "nothing sent":
			saw = 0
		}
		for _, e := range []audit.Event{intent(c, begin), outcome(c, ends, attempts...)} {
			e.ConnectionID = connection
			if e.Kind == audit.KindOutcome && kind == "orphan" {
				e.Action, e.Status, e.ErrorClass = audit.ActionOutcomeUnknown, 0, audit.ErrorClassOther
			}
			if e.Kind == audit.KindIntent || kind != "in flight" {
				s.lines = append(s.lines, e)
			}
		}
		add := func(no, variant int, what string, edit ...edit) cloudtrail.Record {
			r := record(c, begin, append([]func(*cloudtrail.Record){withEvent(1000*c + 100*no + variant), withRequest(request(no)), withConnection(connection)}, edit...)...)
			switch kind {
			case "denied":
				r.ErrorCode = "AccessDenied"
			case "refused":
				r.ErrorCode = "UnrecognizedClientException"
			}
			s.records = append(s.records, r)
			s.about[r.EventID] = what
			return r
		}
		for no := range saw {
			what := fmt.Sprintf("call%d", c)
			switch rapid.SampledFrom([]string{"whole", "whole", "no request", "cut request", "no agent", "neither", "masked", "shared", "corrected", "none"}).Draw(t, "record") {
			case "whole":
				add(no, 0, what)
			case "no request":
				if saw == 1 {
					add(no, 0, what, withRequest(""))
				}
			case "cut request":
				add(no, 0, what, func(r *cloudtrail.Record) { r.RequestID = r.RequestID[:35] })
			case "no agent":
				add(no, 0, what, withAgent(""))
			case "neither":
				add(no, 0, "some call", withAgent(""), withRequest("***"))
			case "masked":
				add(no, 0, what, withConnection("***"))
			case "shared":
				add(no, 0, what, func(r *cloudtrail.Record) { r.SharedEventID = id(1, 10*c+no) })
				add(no, 1, what, func(r *cloudtrail.Record) { r.SharedEventID = id(1, 10*c+no); r.RecipientID = "210987654321" })
			case "corrected":
				r := add(no, 0, what, func(r *cloudtrail.Record) { r.ReadOnly = false })
				add(no, 1, "correction of "+what, withRequest(requestID(10*c+5+no)), func(a *cloudtrail.Record) {
					a.Addendum = &cloudtrail.Addendum{Reason: "UPDATED_DATA", OriginalRequestID: r.RequestID, OriginalEventID: r.EventID}
				})
			}
		}
		switch rapid.SampledFrom([]string{"nobody", "nobody", "direct", "stolen", "forged", "foreign"}).Draw(t, "other") {
		case "direct":
			add(9, 0, "direct", withAgent("aws-cli"), withCaller(somebody))
		case "stolen":
			add(9, 0, "stolen", withAgent("aws-cli"))
		case "forged":
			add(9, 0, "forged", withCaller(somebody))
		case "foreign":
			add(9, 0, "foreign", withAgent(agent(900+c)))
		}
	}
	slices.SortStableFunc(s.lines, func(a, b audit.Event) int { return a.Time.Compare(b.Time) })
	return s
}

// outcomeOf is what was said in the end: the state of each attempt, and how often
// each finding of each sort was made.
func (s *scenario) outcomeOf(l *log) map[string]string {
	m := map[string]string{}
	found := map[string]int{}
	for _, e := range l.entries {
		switch e.Kind {
		case audit.KindVerdict:
			m[fmt.Sprintf("%s/%d", name(e.Of), e.OfAttempt)] = e.State
		case audit.KindFinding:
			found[e.State+" of "+s.about[e.CloudTrailEventID]]++
		}
	}
	for k, n := range found {
		m[k] = fmt.Sprint(n)
	}
	// Two attempts of one call whose answers are lost are told apart by nothing.
	for k := range maps.Keys(m) {
		var call string
		if _, err := fmt.Sscanf(k, "%5s", &call); err == nil && len(k) == 7 && k[5:] == "/1" && m[call+"/0"] > m[k] {
			m[call+"/0"], m[k] = m[k], m[call+"/0"]
		}
	}
	return m
}

func (s *scenario) finish(l *log) {
	for _, seconds := range []float64{5000, 3 * hour, 3*hour + 1, 4 * hour} {
		l.tick(seconds)
		l.records(seconds, s.records...)
	}
	l.tick(4*hour + 1)
}

// TestOrder: in whatever order and however often records come, in whatever parts,
// and however often the process starts anew, the same is said in the end, each
// finding once, and no state goes back.
func TestOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(rt)
		config := correlate.Config{Start: at(0)}
		straight := newLog(t, config)
		straight.tick(0)
		straight.write(s.lines...)
		s.finish(straight)
		want := s.outcomeOf(straight)

		l := newLog(t, config)
		next, now := 0, 0.0
		var delivered []cloudtrail.Record
		for next < len(s.lines) || len(delivered) < 2*len(s.records) {
			switch step := rapid.SampledFrom([]string{"line", "line", "line", "records", "records", "tick", "restart", "replay"}).Draw(rt, "step"); {
			case step == "line" && next < len(s.lines):
				l.write(s.lines[next])
				now = max(now, s.lines[next].Time.Sub(epoch).Seconds())
				next++
			case step == "tick":
				l.tick(now)
			case step == "restart":
				l.restart(now, delivered...)
			case step == "replay" && len(delivered) > 0:
				// The process dies before it has taken in its own last lines.
				l.records(now, rapid.Permutation(delivered).Draw(rt, "again")...)
			case len(s.records) > 0:
				n := rapid.IntRange(0, len(s.records)-1).Draw(rt, "first")
				end := rapid.IntRange(n, len(s.records)).Draw(rt, "end")
				l.records(now+90, s.records[n:end]...)
				delivered = append(delivered, s.records[n:end]...)
			default:
				delivered = append(delivered, cloudtrail.Record{})
			}
			if len(delivered) > 200 {
				break
			}
		}
		l.write(s.lines[next:]...)
		s.finish(l)
		if diff := cmp.Diff(want, s.outcomeOf(l)); diff != "" {
			rt.Errorf("(-in order +as it came): %s%s", diff, l.transcript())
		}
		said := len(l.entries)
		l.restart(4*hour+2, s.records...)
		l.tick(4*hour + 3)
		if more := l.entries[said:]; len(more) > 0 {
			rt.Errorf("said again after a restart: %s", l.transcript())
		}
	})
}

// TestRestart ends the process after each line that the correlator has written,
// even between lines that it returned together.
func TestRestart(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := drawScenario(rt)
		config := correlate.Config{Start: at(0)}
		play := func(l *log, lose int) {
			l.write(s.lines...)
			l.tick(5000)
			said := l.c.Records(at(5000), s.records)
			for i, e := range said {
				if i == lose {
					l.restart(5001, s.records...)
					break
				}
				l.append(e)
			}
			l.feed()
			s.finish(l)
		}
		whole := newLog(t, config)
		play(whole, -1)
		want := s.outcomeOf(whole)
		for lose := range 2 * len(s.records) {
			l := newLog(t, config)
			play(l, lose)
			if diff := cmp.Diff(want, s.outcomeOf(l)); diff != "" {
				rt.Fatalf("dead before line %d of its own (-alive +dead): %s%s\nalive:%s", lose, diff, l.transcript(), whole.transcript())
			}
		}
	})
}

func (l *log) transcript() (text string) {
	for _, e := range l.entries {
		text += fmt.Sprintf("\n%d %v %s %s%s/%d %s %v %s %s %q", e.Index, e.Time.Sub(epoch).Truncate(time.Second), e.Kind, name(e.Of), name(e.ID), e.OfAttempt, e.State, e.Attempts, e.CloudTrailEventID, e.Evidence, e.Detail)
	}
	return text
}
