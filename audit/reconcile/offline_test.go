package reconcile_test

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/audit/reconcile"
)

// past is two days of calls, long ago, in a log and in a trail.
type past struct {
	dir, trail string
	journal    *journal.Journal
	sim        *cloudtrailtest.Simulator
	now        time.Time
	n          int
}

func newPast(t *testing.T, faults cloudtrailtest.Faults) *past {
	t.Helper()
	p := &past{dir: filepath.Join(t.TempDir(), "log"), trail: t.TempDir(), now: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)}
	p.sim = cloudtrailtest.New(cloudtrailtest.Config{Faults: faults, Now: func() time.Time { return p.now }})
	var err error
	p.journal, err = journal.Open(t.Context(), journal.Config{Dir: p.dir, Origin: "gatepost/past", CommitTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	// The journal's own first entry is of today; the log of the test begins in the past.
	return p
}

// call appends a call, with AWS's record of it unless there is to be none.
func (p *past) call(t *testing.T, recorded bool) string {
	t.Helper()
	p.n++
	p.now = p.now.Add(37 * time.Second)
	e := audit.Event{
		ID: audit.NewID(p.now), Kind: audit.KindOutcome, Time: p.now, Principal: "p", Operation: "GetConnection", ReadOnly: true, Region: cloudtrailtest.DefaultRegion,
		ConnectionID: fmt.Sprint("conn", p.n), Decision: audit.Allow, Cache: audit.CacheMiss, Status: 200,
		Upstream: &audit.Upstream{Account: cloudtrailtest.DefaultAccount, IdentityARN: identity}, Attempts: []audit.Attempt{{RequestID: requestID(p.n), Status: 200}},
	}
	if _, err := p.journal.Append(t.Context(), &e); err != nil {
		t.Fatal(err)
	}
	if recorded {
		p.seen(requestID(p.n), identity, e.ConnectionID, "x gatepost/1 evt/"+e.ID)
	}
	return e.ID
}

func (p *past) seen(request, arn, connection, userAgent string) {
	p.sim.Add(cloudtrailtest.Event{
		RequestID: request, Operation: "GetConnection", ReadOnly: true, ConnectionID: connection, UserAgent: userAgent, SourceIP: "198.51.100.7",
		Principal: cloudtrailtest.Principal{Type: "IAMUser", ARN: arn, UserName: "gatepost"}, Completed: p.now,
	})
}

func (p *past) reconcile(t *testing.T) *reconcile.Report {
	t.Helper()
	if err := p.journal.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	files := p.sim.Trail(cloudtrailtest.TrailConfig{Dir: p.trail, Start: time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)})
	if err := files.Write(p.now.Add(12 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	source, err := trail.New(trail.Config{Paths: []string{p.trail}, Offline: true})
	if err != nil {
		t.Fatal(err)
	}
	report, err := reconcile.Offline(t.Context(), reconcile.OfflineConfig{
		Log: journal.ReadDir(p.dir, 1), Source: source, Correlate: correlate.Config{LateAfter: 15 * time.Minute, SettleAfter: 2 * time.Hour, Grace: time.Minute},
	})
	if err != nil {
		t.Fatal(err)
	}
	if faults := source.Faults(); len(faults) > 0 {
		t.Fatal(faults)
	}
	return report
}

func TestOffline(t *testing.T) {
	p := newPast(t, cloudtrailtest.Faults{Seed: 1, Delay: cloudtrailtest.Exponential(5 * time.Minute), Duplicates: 0.05, Shuffled: true, OtherServices: 0.05})
	const calls = 4000 // 41 hours
	missing := map[string]time.Time{}
	bypasses := map[string]time.Time{}
	for i := range calls {
		id := p.call(t, i%500 != 250)
		if i%500 == 250 {
			missing[id] = p.now
		}
		if i%300 == 100 {
			bypasses[fmt.Sprintf("direct-%d", i)] = p.now.Truncate(time.Second)
			p.seen(fmt.Sprintf("direct-%d", i), "arn:aws:iam::123456789012:user/stranger", "elsewhere", "aws-cli/2.9.19")
		}
	}
	r := p.reconcile(t)
	if diff := cmp.Diff(map[correlate.State]uint64{correlate.Matched: calls - uint64(len(missing)), correlate.Missing: uint64(len(missing))}, r.States); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[correlate.Kind]uint64{correlate.Bypass: uint64(len(bypasses))}, r.Findings); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
	if r.Clean() || r.Entries < calls || len(r.Notable) != len(missing)+len(bypasses) {
		t.Errorf("clean %v, %d entries, %d notable", r.Clean(), r.Entries, len(r.Notable))
	}
	for _, e := range r.Notable {
		switch at, known := missing[e.Of]; {
		case e.Kind == audit.KindVerdict && !known:
			t.Errorf("call %s is called %s", e.Of, e.State)
		case e.Kind == audit.KindVerdict && !e.Time.Equal(at):
			t.Errorf("call %s of %s is called one of %s", e.Of, at, e.Time)
		case e.Kind == audit.KindFinding && !e.Time.Equal(bypasses[e.Attempts[0].RequestID]):
			t.Errorf("bypass %s of %s is called one of %s", e.Attempts[0].RequestID, bypasses[e.Attempts[0].RequestID], e.Time)
		}
	}
}

func TestOfflineClean(t *testing.T) {
	p := newPast(t, cloudtrailtest.Faults{Seed: 2, Delay: cloudtrailtest.HeavyTail(time.Minute, 3*time.Hour), NoRequestID: 0.1, MaskedParameters: 0.2})
	for range 500 {
		p.call(t, true)
	}
	r := p.reconcile(t)
	if !r.Clean() || r.States[correlate.Matched] != 500 {
		t.Errorf("%v, %v, %d notable", r.States, r.Findings, len(r.Notable))
	}
}

func TestOfflineWithoutACanary(t *testing.T) {
	p := newPast(t, cloudtrailtest.Faults{})
	for range 10 {
		p.call(t, false)
		p.sim.Add(cloudtrailtest.Event{EventSource: "glue.amazonaws.com", Operation: "GetConnection", RequestID: fmt.Sprint("glue-", p.n), Completed: p.now})
	}
	r := p.reconcile(t)
	if r.States[correlate.Missing] > 0 || len(r.Findings) > 0 {
		t.Errorf("a trail without a record of ours proves nothing: %v, %v", r.States, r.Findings)
	}
}

// What may yet come is counted, and nothing to look at.
func TestOfflineLate(t *testing.T) {
	p := newPast(t, cloudtrailtest.Faults{})
	p.now = time.Now().Add(-time.Hour)
	p.call(t, false)
	if err := p.journal.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Fatal(err)
	}
	r, err := reconcile.Offline(t.Context(), reconcile.OfflineConfig{Log: journal.ReadDir(p.dir, 1), Source: &source{}, Correlate: correlate.Config{SettleAfter: 2 * time.Hour}})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[correlate.State]uint64{correlate.Late: 1}, r.States); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
	if len(r.Notable) > 0 {
		t.Errorf("worth a look: %+v", r.Notable)
	}
}
