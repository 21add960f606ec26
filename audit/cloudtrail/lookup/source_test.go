package lookup_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// All that the sink checks holds over a day of delays, duplicates and others'
// records, with the watermark close behind its time and requests few.
func TestSteady(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{RateLimit: 2, Faults: cloudtrailtest.Faults{
			Seed: 1, Delay: cloudtrailtest.HeavyTail(2*time.Minute, 3*time.Hour),
			Duplicates: .05, SharedCopies: .05, Corrections: .05, OtherPrincipals: .05, OtherServices: .2, Loss: .01,
		}})
		w.run(3*time.Hour, 2)
		w.handedAll(10 * time.Minute)
		st := w.source.Status()
		if !st.OK || st.Throttled || st.Reason != "" || !st.Since.IsZero() || time.Since(st.LastSuccess) > time.Minute {
			t.Errorf("status %+v", st)
		}
		if behind := time.Since(st.Watermark.Add(settle)); behind < 0 || behind > 7*time.Minute {
			t.Errorf("watermark %v, %v behind", st.Watermark, behind)
		}
		if !w.sink.settled.Equal(st.Watermark) {
			t.Errorf("watermark %v, but settled up to %v", st.Watermark, w.sink.settled)
		}
		if n := len(w.sim.Requests()); n > 3*60*6 {
			t.Errorf("%d requests", n)
		}
		if w.sim.Counts()["ThrottlingException"] > 0 {
			t.Error("throttled at its own rate")
		}
		for _, q := range w.sim.Requests() {
			if q.EndTime.IsZero() || q.Attribute != "EventSource" || q.Value != "outposts.amazonaws.com" {
				t.Fatalf("request %+v", q)
			}
		}
	})
}

// A record of now is handed over by the next poll after it is delivered.
func TestFresh(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(10 * time.Minute)}})
		w.run(time.Hour, 0)
		w.call(1)
		w.run(9*time.Minute, 0)
		if len(w.sink.times) != 0 {
			t.Fatal("handed over before it was delivered")
		}
		w.run(2*time.Minute, 0)
		if len(w.sink.times) != 1 {
			t.Error("not handed over")
		}
	})
}

// What is delivered after LateAfter is not left until it has settled.
func TestUnsettled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(40 * time.Minute)}})
		w.run(time.Hour, 0)
		w.call(1)
		w.run(50*time.Minute, 0)
		if len(w.sink.times) != 1 {
			t.Error("not handed over")
		}
	})
}

// What is delivered long after its time is found by the sweep.
func TestSweep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(25 * time.Hour)}})
		w.every = 5 * time.Minute
		w.run(time.Hour, 0)
		w.call(1)
		w.run(25*time.Hour-w.every, 0)
		if len(w.sink.times) != 0 {
			t.Fatal("handed over before it was delivered")
		}
		w.run(3*time.Hour, 0)
		if len(w.sink.times) != 1 {
			t.Error("the sweep did not find it")
		}
	})
}

// What there is after a stop is read in slices, the newest is not kept waiting,
// and a source that is new reads no more than since.
func TestCatchUp(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and minutes under the race detector")
	}
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(5 * time.Minute)}})
		w.run(time.Hour, 10)
		w.idle(36*time.Hour, 10)
		began, first := time.Now(), len(w.sink.coverage)
		w.poll()
		if took := time.Since(began); took < 6*time.Minute {
			t.Fatalf("caught up in %v: nothing to see here", took)
		}
		w.handedAll(time.Minute)
		lag := time.Duration(0)
		tail := began.Add(-36 * time.Hour)
		for _, c := range w.sink.coverage[first:] {
			if c.End.Sub(c.Start) > time.Hour {
				t.Errorf("slice %v to %v", c.Start, c.End)
			}
			if c.AsOf.Sub(c.End) < 2*time.Minute {
				tail = c.AsOf
			}
			if !tail.Before(began) {
				lag = max(lag, c.AsOf.Sub(tail))
			}
		}
		if lag > 8*time.Minute {
			t.Errorf("the tail was left for %v", lag)
		}
		if st := w.source.Status(); time.Since(st.Watermark.Add(settle)) > 6*time.Minute || !st.Watermark.Equal(w.sink.settled) {
			t.Errorf("status %+v, settled up to %v", st, w.sink.settled)
		}
	})
}

// Where there is much, slices are cut so that each is read soon.
func TestVolume(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and minutes under the race detector")
	}
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{}, func(c *lookup.Config) { c.PerSecond = 2 })
		w.idle(90*time.Minute, 300)
		w.poll()
		w.handedAll(time.Minute)
		long := 0
		for _, c := range w.sink.coverage {
			if c.End.Sub(c.Start) > 10*time.Minute { // 60 pages
				long++
			}
		}
		if long > 0 {
			t.Errorf("%d slices of more than 10 minutes", long)
		}
	})
}

// Throttled for ten minutes: never above the rate, behind but not broken, and no
// window closed that was not read.
func TestThrottledForTenMinutes(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds, and minutes under the race detector")
	}
	synctest.Test(t, func(t *testing.T) {
		var told results
		w := build(t, cloudtrailtest.Config{RateLimit: 2}, func(c *lookup.Config) { c.Observer = &told })
		w.run(150*time.Minute, 10)
		w.sim.Forget()
		before := w.source.Status().Watermark
		throttled := cloudtrailtest.Throttled()
		throttled.Times = -1
		w.sim.Script(throttled)
		began := time.Now()
		covered := len(w.sink.coverage)
		failed := 0
		for time.Since(began) < 10*time.Minute {
			w.call(10)
			done := make(chan error)
			go func() { done <- w.source.Poll(t.Context(), w.since, w.sink) }()
			time.Sleep(3 * time.Second)
			if st := w.source.Status(); st.OK || !st.Throttled || st.Reason == "" || st.Since.Before(began) {
				t.Fatalf("status amid the poll %+v", st)
			}
			var failure *lookup.Error
			if err := <-done; !errors.As(err, &failure) || failure.Result != lookup.ResultThrottled {
				t.Fatal(err)
			}
			failed++
		}
		if got := w.source.Status(); !got.Watermark.Equal(before) || len(w.sink.coverage) != covered {
			t.Errorf("watermark %v, then %v", before, got.Watermark)
		}
		if told.count[lookup.ResultThrottled] < 8*failed {
			t.Errorf("told %v of %d polls", told.count, failed)
		}
		requests := w.sim.Requests()
		if len(requests) > 250 {
			t.Errorf("%d requests in ten minutes", len(requests))
		}
		for i := 1; i < len(requests); i++ {
			if requests[i].At.Sub(requests[i-1].At) < time.Second-time.Microsecond {
				t.Fatalf("requests %v and %v", requests[i-1].At, requests[i].At)
			}
		}
		w.sim.Heal()
		w.poll()
		w.handedAll(time.Minute)
		if st := w.source.Status(); !st.OK || st.Throttled || !st.Watermark.After(before) {
			t.Errorf("status then %+v", st)
		}
	})
}

// A stop amid the pages costs no more than the slice, and loses nothing.
func TestRestartAmidThePages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(time.Minute)}})
		w.idle(4*time.Hour, 10)
		stopped := errors.New("stopped")
		stops := 0
		for {
			n := 0
			w.sink.onRecords = func() error {
				if n++; n == 17 {
					return stopped
				}
				return nil
			}
			err := w.source.Poll(t.Context(), w.since, w.sink)
			if err == nil {
				break
			}
			if !errors.Is(err, stopped) {
				t.Fatal(err)
			}
			if st := w.source.Status(); st.OK || st.Reason == "" {
				t.Errorf("status %+v", st)
			}
			stops++
			w.restart()
			if stops > 100 {
				t.Fatal("no progress")
			}
		}
		t.Logf("%d stops", stops)
		if stops < 5 {
			t.Errorf("only %d stops", stops)
		}
		w.sink.onRecords = nil
		w.run(5*time.Minute, 0)
		w.handedAll(time.Minute)
		if !w.sink.settled.Equal(w.source.Status().Watermark) {
			t.Errorf("settled up to %v, watermark %v", w.sink.settled, w.source.Status().Watermark)
		}
	})
}

// The place is stored only after the sink took the coverage.
func TestSinkRefusesCoverage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{})
		w.idle(6*time.Hour, 1)
		full := errors.New("full")
		w.sink.onCovered = func() error { return full }
		if err := w.source.Poll(t.Context(), w.since, w.sink); !errors.Is(err, full) {
			t.Fatal(err)
		}
		if len(w.places) != 0 {
			t.Errorf("places %s", w.places)
		}
		w.sink.onCovered = nil
		w.poll()
		w.handedAll(time.Minute)
	})
}

func TestStoppedWhileWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{})
		throttled := cloudtrailtest.Throttled()
		throttled.Times = -1
		w.sim.Script(throttled)
		time.Sleep(time.Minute)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		defer cancel()
		began := time.Now()
		if err := w.source.Poll(ctx, w.since, w.sink); err == nil || time.Since(began) > 20*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
	})
}

// A clock that was ahead and is set back: what was covered by the wrong time is
// read again by the right one.
func TestClockSetBack(t *testing.T) {
	for _, step := range []time.Duration{time.Second, time.Hour, 24 * time.Hour} {
		t.Run(step.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := build(t, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{Delay: cloudtrailtest.Constant(3 * time.Minute)}})
				w.every = 5 * time.Minute
				w.ahead = step
				w.run(3*time.Hour, 1)
				w.ahead = 0
				w.sink.settled = time.Time{}
				w.restart()
				w.run(4*time.Hour, 1)
				w.handedAll(10 * time.Minute)
				st := w.source.Status()
				if behind := time.Since(st.Watermark.Add(settle)); behind < 0 || behind > 7*time.Minute {
					t.Errorf("watermark %v is %v behind", st.Watermark, behind)
				}
			})
		})
	}
}

// Nothing is asked of what CloudTrail no longer has, and the sink is told so.
func TestOlderThanNinetyDays(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{}, func(c *lookup.Config) { c.PerSecond = 2 })
		w.call(1)
		time.Sleep(100 * 24 * time.Hour)
		w.call(1)
		time.Sleep(time.Minute)
		w.poll()
		first := w.sink.coverage[0]
		if first.Completeness != cloudtrail.Incomplete || !first.Start.Equal(w.since) || first.AsOf.Sub(first.End) > 90*24*time.Hour {
			t.Errorf("first coverage %+v", first)
		}
		if len(w.sink.times) != 1 {
			t.Errorf("%d records", len(w.sink.times))
		}
		if st := w.source.Status(); !st.OK || time.Since(st.Watermark) > settle+7*time.Minute {
			t.Errorf("status %+v", st)
		}
	})
}

// No since is all that there is.
func TestFromTheBeginning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := build(t, cloudtrailtest.Config{})
		w.call(1)
		time.Sleep(5 * 24 * time.Hour)
		w.since = time.Time{}
		w.poll()
		if len(w.sink.times) != 1 {
			t.Errorf("%d records", len(w.sink.times))
		}
		for _, c := range w.sink.coverage {
			if c.Completeness == cloudtrail.Incomplete {
				t.Errorf("%+v", c)
			}
		}
	})
}

// Another account's place is not this one's.
func TestAnotherAccount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		account := "111111111111"
		w := build(t, cloudtrailtest.Config{Account: "111111111111"}, func(c *lookup.Config) { c.Account = func() string { return account } })
		w.every = 5 * time.Minute
		w.run(5*time.Hour, 1)
		w.sim.Forget()
		w.restart()
		w.run(time.Minute, 1)
		for _, q := range w.sim.Requests() {
			if q.StartTime.Equal(w.since) && q.EndTime.After(w.since.Add(settle)) {
				t.Errorf("the same account is read from the start")
			}
		}
		other := build(t, cloudtrailtest.Config{Account: "222222222222"}, func(c *lookup.Config) {
			c.Places = w.places
		})
		other.since = w.since
		other.run(time.Minute, 0)
		if got := other.sink.settled.Sub(w.since); got < 2*time.Hour {
			t.Errorf("the other account is settled up to %v after the start", got)
		}
	})
}
