package reconcile_test

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/lookup"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
)

// A reconciler that is stopped again and again, at any moment, says what one says
// that never was: each call is matched once, each call that went round is found
// once, and nothing else is said.
func TestStoppedAnywhere(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{Faults: cloudtrailtest.Faults{
		Seed: 7, Delay: cloudtrailtest.Uniform(0, 2*time.Second), Duplicates: 0.1, OtherServices: 0.1, Shuffled: true,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	w := newWorld(t)
	source := func() reconcile.Source {
		client := cloudtrail.New(cloudtrail.Options{Region: region, BaseEndpoint: &sim.URL, Credentials: sim.Credentials()})
		s, err := lookup.New(lookup.Config{
			Client: client, Region: region, Account: func() string { return account }, Places: w.archive, LateAfter: 20 * time.Second, SettleAfter: time.Minute, PerSecond: 100,
		})
		if err != nil {
			t.Fatal(err)
		}
		return reconcile.Source{Name: region, Source: s}
	}
	r := rand.New(rand.NewPCG(1, 2))
	want := map[string]int{}
	_, stop := w.reconcile()
	stop()
	for n := 1; n <= 200; n++ {
		if n%10 == 1 {
			stop()
			_, stop = w.reconcile(func(c *reconcile.Config) { c.Sources = []reconcile.Source{source()} })
		}
		request, arn, userAgent := requestID(n), identity, "x"
		if n%9 == 0 {
			arn = "arn:aws:iam::123456789012:user/stranger"
			want["bypass "+request]++
		} else {
			id := w.call(n)
			userAgent = "x gatepost/1 evt/" + id
			want["matched "+id]++
		}
		sim.Add(cloudtrailtest.Event{
			RequestID: request, Operation: "GetConnection", ReadOnly: true, ConnectionID: fmt.Sprint("conn", n), UserAgent: userAgent, SourceIP: "198.51.100.7",
			Principal: cloudtrailtest.Principal{Type: "IAMUser", ARN: arn},
		})
		<-time.After(time.Duration(r.IntN(40)) * time.Millisecond) // the moment of the next stop is any
	}
	w.saysOnce(t, want)
	stop()
	if diff := cmp.Diff(want, w.counted(t)); diff != "" {
		t.Errorf("after the last stop (-want +got):\n%s", diff)
	}
}

// counted is how often each thing was decided.
func (w *world) counted(t *testing.T) map[string]int {
	t.Helper()
	got := map[string]int{}
	for line, err := range w.journal.Read(0) {
		if err != nil {
			t.Fatal(err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			t.Fatal(err)
		}
		switch e.Kind {
		case audit.KindVerdict:
			got[e.State+" "+e.Of]++
		case audit.KindFinding:
			got[e.State+" "+e.Attempts[0].RequestID]++
		}
	}
	return got
}

// saysOnce waits until all of it is said.
func (w *world) saysOnce(t *testing.T, want map[string]int) {
	t.Helper()
	deadline := time.After(30 * time.Second)
	for {
		grown := w.journal.Watch()
		got := w.counted(t)
		if len(got) >= len(want) {
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decided (-want +got):\n%s", diff)
			}
			return
		}
		select {
		case <-grown:
		case <-deadline:
			t.Fatalf("only so much was decided (-want +got):\n%s", cmp.Diff(want, got))
		}
	}
}
