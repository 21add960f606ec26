package correlate_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// What is older than Keep is forgotten: Low and Since move on, counts fall, and
// memory is given back, whatever lies in it.
func TestForget(t *testing.T) {
	config := correlate.Config{LateAfter: time.Minute, SettleAfter: 10 * time.Minute, Grace: time.Minute, Keep: time.Hour}
	l := newLog(t, config)
	l.tick(0)
	n := 0
	var low uint64
	var since time.Time
	var early, late runtime.MemStats
	for minute := range 600 {
		begin := float64(60 * minute)
		for i := range 20 {
			n++
			l.write(call(n, begin+float64(i), answered(n))...)
			l.write(audit.Event{Kind: audit.KindOutcome, Time: at(begin), Cache: audit.CacheHit}, audit.Event{Kind: audit.KindOutcome, Time: at(begin), Decision: audit.Deny})
			switch i % 4 {
			case 0, 1:
				l.records(begin+40, record(n, begin+float64(i)), record(n, begin+float64(i), withEvent(1e6+n), withRequest(requestID(1e6+n)), withAgent("aws-cli"), withCaller(somebody)))
			case 2:
				l.records(begin+40, record(n, begin+float64(i), withAgent(""), withRequest(""), withConnection("")))
			}
		}
		l.tick(begin + 60)
		l.covered(begin + 60)
		if got := l.c.Low(); got < low {
			t.Fatalf("Low fell from %d to %d", low, got)
		} else {
			low = got
		}
		if got := l.c.Since(); got.Before(since) {
			t.Fatalf("Since fell from %v to %v", since, got)
		} else {
			since = got
		}
		total := uint64(0)
		for _, count := range l.c.Counts() {
			total += count
		}
		if total > 73*60 {
			t.Fatalf("after %d minutes %d calls are remembered", minute, total)
		}
		if minute == 199 || minute == 599 {
			// The test's own log is not the correlator's memory.
			l.dropped += len(l.entries)
			l.entries, l.fed = nil, 0
			to := &early
			if minute == 599 {
				to = &late
			}
			runtime.GC()
			runtime.ReadMemStats(to)
		}
	}
	if since.Before(at(600*60-72*60)) || low == 0 {
		t.Errorf("Since is %v, Low %d", since, low)
	}
	if late.HeapAlloc > early.HeapAlloc+early.HeapAlloc/2 {
		t.Errorf("the heap grew from %d to %d", early.HeapAlloc, late.HeapAlloc)
	}
	l.tick(1e6)
	for state, count := range l.c.Counts() {
		if count != 0 {
			t.Errorf("of an idle log %d are remembered as %s", count, state)
		}
	}
	l.tick(2e6)
	if n := l.c.Remembered(); n > 0 {
		t.Errorf("of an idle log %d things are in memory", n)
	}
}

// A log that is read for longer than is remembered is not kept in memory: not one
// of which everything was said, nor one of which nothing was.
func TestReadLongLog(t *testing.T) {
	for _, judged := range []bool{false, true} {
		config := correlate.Config{LateAfter: time.Minute, SettleAfter: 10 * time.Minute, Grace: time.Minute, Keep: time.Hour}
		l := newLog(t, config)
		l.c = correlate.New(config)
		if judged {
			l.tick(0)
		}
		n := 0
		for minute := range 9000 {
			begin := float64(60 * minute)
			n++
			attempt := answered(n)
			if n%2 == 0 {
				attempt.Status, attempt.ErrorCode = 403, "UnrecognizedClientException"
			}
			l.append(call(n, begin, attempt)[0])
			l.append(call(n, begin, attempt)[1])
			if judged {
				l.feed()
				l.tick(begin + 1)
			}
		}
		l.feed()
		l.tick(60 * 9000)
		if !judged {
			// All but those that are remembered were unknown or not expected, at once
			// and once.
			count := map[string]int{}
			for _, e := range l.entries[2*n:] {
				count[e.State]++
			}
			if count["unknown"] < n/2-100 || count["not_expected"] < n/2-10 || count["late"] > 100 || len(l.entries)-2*n > n+100 {
				t.Errorf("of %d calls were said %v", n, count)
			}
		}
		said := len(l.entries)
		again := correlate.New(config)
		most := 0
		for i := range l.entries {
			again.Entry(&l.entries[i])
			most = max(most, again.Remembered())
		}
		if judged && most > 20*(26*60+pastStride) {
			t.Errorf("%d things were in memory", most)
		}
		l.c, l.fed = again, len(l.entries)
		l.tick(60*9000 + 1)
		if more := l.entries[said:]; len(more) > 0 {
			t.Errorf("judged %t: said again: %d, %+v", judged, len(more), more[0])
		}
		if got, want := again.Since(), at(60*9000-70*60-60); got.Before(want) {
			t.Errorf("judged %t: Since is %v, want %v", judged, got, want)
		}
	}
}

const pastStride = 4096

// Low is the first line of what is remembered, and of a call whose outcome is
// still to come.
func TestLow(t *testing.T) {
	l := newLog(t, correlate.Config{Keep: 10 * time.Hour})
	l.write(call(1, 1, answered(1))...)
	l.write(intent(2, 2))
	l.tick(3)
	l.write(call(3, 6*hour, answered(3))...)
	l.tick(6*hour + 1)
	if low, since := l.c.Low(), l.c.Since(); low != 0 || !since.Equal(at(1).Add(-5*time.Minute)) {
		t.Errorf("Low is %d, Since %v", low, since)
	}
	l.write(outcome(2, 11*hour, answered(2)))
	l.tick(13 * hour)
	if low := l.c.Low(); low != 2 {
		t.Errorf("with a slow call that has not settled Low is %d", low)
	}
	l.restart(13*hour, record(3, 6*hour))
	l.records(13*hour, record(2, 11*hour))
	l.tick(17 * hour)
	if got := l.states(); got["call1/0"] != "unknown" || got["call2/0"] != "matched" || got["call3/0"] != "matched" {
		t.Errorf("said %v", got)
	}
	l.tick(100 * hour)
	if low := l.c.Low(); low != uint64(len(l.entries)) {
		t.Errorf("of an idle log Low is %d, not %d", low, len(l.entries))
	}
}

// A clock that was wrong for a while does not hold anything for ever.
func TestWrongClock(t *testing.T) {
	l := newLog(t, correlate.Config{})
	l.tick(0)
	l.write(call(1, 1e8, answered(1))...)
	l.write(call(2, -1e8, answered(2))...)
	l.write(call(3, 3, answered(3))...)
	l.tick(10)
	l.records(60, record(1, 2), record(3, 3))
	l.tick(100 * hour)
	if got := l.states(); got["call1/0"] != "matched" || got["call2/0"] != "unknown" || got["call3/0"] != "matched" {
		t.Errorf("said %v", got)
	}
	l.tick(200 * hour)
	if low := l.c.Low(); low != uint64(len(l.entries)) {
		t.Errorf("Low is %d of %d", low, len(l.entries))
	}
}

// Until the log has been read to its end, nothing is decided: what Entry would say
// may stand further on.
func TestBeforeFirstTick(t *testing.T) {
	c := correlate.New(correlate.Config{})
	for i, e := range concat(call(1, 1, answered(1)), call(2, 2, audit.Attempt{Status: 401})) {
		e.Index = uint64(i)
		if out := c.Entry(&e); out != nil {
			t.Errorf("Entry returned %v", out)
		}
	}
	if out := c.Records(at(60), []cloudtrail.Record{record(1, 1)}); out != nil {
		t.Errorf("Records returned %v", out)
	}
	if out := c.Covered(at(60), cloudtrail.Coverage{Region: region, Start: at(0), End: at(60), AsOf: at(60), Completeness: cloudtrail.Complete}); out != nil {
		t.Errorf("Covered returned %v", out)
	}
	if out := c.Tick(at(70)); len(out) != 2 {
		t.Errorf("Tick returned %v", out)
	}
}

func TestClosedSets(t *testing.T) {
	if n := len(correlate.States()); n != 11 {
		t.Errorf("%d states", n)
	}
	if n := len(correlate.Kinds()); n != 5 {
		t.Errorf("%d kinds", n)
	}
	l := newLog(t, correlate.Config{})
	for _, s := range correlate.States() {
		if _, ok := l.c.Counts()[s]; !ok {
			t.Errorf("%s is not counted", s)
		}
	}
}
