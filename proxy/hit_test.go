package proxy_test

import (
	"context"
	"crypto/sha256"
	"net/netip"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// memoryless commits at once and keeps nothing, so that what is measured is the handler.
type memoryless struct{ line []byte }

func (j *memoryless) Append(_ context.Context, e *audit.Event) (journal.Commit, error) {
	j.line = audit.AppendBody(j.line[:0], e)
	return journal.Commit{Index: 1}, nil
}

func (j *memoryless) Settle(ctx context.Context, e *audit.Event) (journal.Commit, error) {
	return j.Append(ctx, e)
}
func (*memoryless) Record(*audit.Event) {}

// hitter returns a function that answers one signed GetConnection from the cache.
func hitter(tb testing.TB) func() {
	h, _ := newHandler(tb, &fixedAnswer{}, &memoryless{})
	signed := sigv4.Request{Method: "GET", Path: "/connections/abc", Fields: []sigv4.Field{{Name: "Host", Value: "gatepost.test"}}, PayloadHash: sha256.Sum256(nil)}
	added, err := sigv4.Sign(&signed, sigv4.Credentials{AccessKeyID: testKey, Secret: testSecret}, "us-west-2", "outposts", time.Now())
	if err != nil {
		tb.Fatal(err)
	}
	r := &http1.Request{
		Method: "GET", Path: "/connections/abc", Fields: append(signed.Fields, append(added, sigv4.Field{Name: "User-Agent", Value: "aws-sdk-go-v2/1.48.0 ua/2.1 os/linux lang/go#1.26.8"})...),
		Remote: netip.MustParseAddrPort("127.0.0.1:1"), RemoteIP: "127.0.0.1",
	}
	w := &http1.Response{}
	one := func() {
		w.Reset()
		r.Received = time.Now()
		h.Serve(w, r)
		if w.Status != 200 {
			tb.Fatalf("%d %s", w.Status, w.Body)
		}
	}
	one() // fills the cache
	return one
}

// A hit is the path that has to be fast: what it allocates is its event id and a little text.
func TestHitAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	if n := testing.AllocsPerRun(1000, hitter(t)); n > 5 {
		t.Errorf("%g allocations for a hit, at most 5 are meant", n)
	}
}

func BenchmarkHit(b *testing.B) {
	hit := hitter(b)
	b.ReportAllocs()
	for b.Loop() {
		hit()
	}
}

var _ proxy.Journal = (*memoryless)(nil)
