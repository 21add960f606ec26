package index_test

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sys/unix"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// benchEvents is the length of the log, or what GATEPOST_BENCH_EVENTS says.
func benchEvents(b *testing.B) int {
	n, err := strconv.Atoi(cmp.Or(os.Getenv("GATEPOST_BENCH_EVENTS"), "200000"))
	if err != nil || n < 1000 {
		b.Fatalf("GATEPOST_BENCH_EVENTS: %v", err)
	}
	return n
}

// traffic makes a log as a busy site would: most calls are hits, each miss has
// an intent and, half a thousand entries later, a verdict; some are refused.
type traffic struct {
	r     *rand.Rand
	now   time.Time
	zipf  *rand.Zipf
	fills map[uint64]audit.Fill
	owed  []audit.Event
}

const (
	benchConnections = 50_000
	benchPrincipals  = 200
	benchAgents      = 60
)

func newTraffic() *traffic {
	r := rand.New(rand.NewPCG(1, 2))
	return &traffic{r: r, now: noon, zipf: rand.NewZipf(r, 1.1, 20, benchConnections-1), fills: map[uint64]audit.Fill{}}
}

func (g *traffic) id() string {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], uint64(g.now.UnixMilli())<<16|7<<12|uint64(g.now.Nanosecond()%1e6)<<12/1e6)
	binary.BigEndian.PutUint64(u[8:], g.r.Uint64()&^(3<<62)|2<<62)
	return u.String()
}

func (g *traffic) request() string {
	var u uuid.UUID
	binary.BigEndian.PutUint64(u[:8], g.r.Uint64())
	binary.BigEndian.PutUint64(u[8:], g.r.Uint64())
	return u.String()
}

// next returns the next few events.
func (g *traffic) next(dst []audit.Event) []audit.Event {
	g.now = g.now.Add(time.Duration(g.r.IntN(60_000)) * time.Microsecond)
	who := min(g.r.IntN(benchPrincipals), g.r.IntN(benchPrincipals))
	connection := g.zipf.Uint64()
	e := audit.Event{
		ID: g.id(), Kind: audit.KindOutcome, Time: g.now, Origin: "gatepost/bench",
		Principal: fmt.Sprintf("installer-%03d", who), AccessKeyID: fmt.Sprintf("GPK7Q2M4X6ZB3N5C%04d", who),
		SourceIP: fmt.Sprintf("192.0.2.%d", who), SourcePort: uint16(g.r.IntN(60000)),
		UserAgent: fmt.Sprintf("aws-sdk-go-v2/1.%d.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/outposts#1.60.2 m/E,g", g.r.IntN(benchAgents)),
		Operation: "GetConnection", ReadOnly: true, Region: []string{"us-west-2", "us-west-2", "eu-west-1"}[g.r.IntN(3)],
		ConnectionID: fmt.Sprintf("%08x/c9+%d==", connection*2654435761%(1<<32), connection),
		Decision:     audit.Allow, Status: 200, ErrorClass: audit.ErrorClassNone,
		ResponseSHA256: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", ResponseBytes: 512, DurationUS: 480,
		Upstream: &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/gatepost/installer-fra1", AccessKeyID: "ASIAIOSFODNN7EXAMPLE", Endpoint: "https://outposts.us-west-2.amazonaws.com"},
	}
	for len(g.owed) > 100 {
		v := g.owed[0]
		g.owed = g.owed[1:]
		v.ID, v.Time = g.id(), g.now
		dst = append(dst, v)
	}
	fill, ok := g.fills[connection]
	switch n := g.r.IntN(100); {
	case n < 3:
		e.Decision, e.Reason, e.Cache, e.Status, e.ErrorClass = audit.Deny, "connection_not_allowed", audit.CacheNone, 403, audit.ErrorClassPolicy
		e.Upstream = nil
	case ok && n < 85:
		e.Cache, e.Fill = audit.CacheHit, &fill
	default:
		e.Cache = audit.CacheMiss
		intent := e
		intent.Kind, intent.Status, intent.ErrorClass = audit.KindIntent, 0, ""
		dst = append(dst, intent)
		if n > 97 {
			e.Status, e.ErrorClass = 400, audit.ErrorClassThrottling
		}
		request := g.request()
		e.Attempts = []audit.Attempt{{RequestID: request, Status: e.Status, DurationUS: 400}}
		g.fills[connection] = audit.Fill{EventID: e.ID, RequestID: request, AgeMS: 42}
		state := "matched"
		if n == 99 {
			state = "missing"
		}
		g.owed = append(g.owed, audit.Event{Kind: audit.KindVerdict, Origin: e.Origin, Of: e.ID, State: state, CloudTrailEventID: g.request(), Evidence: "request_id"})
	}
	return append(dst, e)
}

// landmarks are what queries look for in the log of benchLog.
type landmarks struct {
	oldID, oldRequest string
	middle            time.Time
}

// benchLog writes a log of n entries. Its first thousand calls have one by a
// principal that never comes back.
func benchLog(b *testing.B, n int) (*testLog, landmarks) {
	l := newTestLog(b, b.TempDir())
	g := newTraffic()
	var marks landmarks
	once := false
	var w *bufio.Writer
	var f *os.File
	var line []byte
	var events []audit.Event
	flush := func() {
		if f == nil {
			return
		}
		if err := w.Flush(); err != nil {
			b.Fatal(err)
		}
		_ = f.Close()
	}
	for size := 128 << 20; l.size < uint64(n); {
		events = g.next(events[:0])
		for _, e := range events {
			if !once && l.size >= 500 && e.Cache == audit.CacheHit {
				e.Principal, e.Operation, once = "once-only", "GetOutpost", true
			}
			if l.size > 1000 && marks.oldRequest == "" && len(e.Attempts) > 0 {
				marks.oldID, marks.oldRequest = e.ID, e.Attempts[0].RequestID
			}
			if l.size == uint64(n/2) {
				marks.middle = e.Time
			}
			if size >= 128<<20 {
				flush()
				var err error
				if f, err = os.Create(filepath.Join(l.dir, fmt.Sprintf("segment-%020d.jsonl", l.size))); err != nil {
					b.Fatal(err)
				}
				w, size = bufio.NewWriterSize(f, 1<<20), 0
			}
			e.V, e.Index = audit.Version, l.size
			line = append(audit.AppendLine(line[:0], &e), '\n')
			if _, err := w.Write(line); err != nil {
				b.Fatal(err)
			}
			size += len(line)
			l.size++
		}
	}
	flush()
	return l, marks
}

// cpuTime is what the process has used, garbage collection included: on a busy
// machine that says more than the time that went by.
func cpuTime(b *testing.B) time.Duration {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkIndex builds the index of a log, tells how fast, and then asks it
// what costs most.
func BenchmarkIndex(b *testing.B) {
	n := benchEvents(b)
	l, marks := benchLog(b, n)
	x := open(b, l)
	began, used := time.Now(), cpuTime(b)
	if err := x.Step(b.Context()); err != nil {
		b.Fatal(err)
	}
	took := time.Since(began)
	used = cpuTime(b) - used
	info, err := os.Stat(filepath.Join(l.dir, "index.sqlite"))
	if err != nil {
		b.Fatal(err)
	}
	b.Logf("%d entries in %v: %.0f/s, %.0f in a second of one core, %.1f bytes an entry", l.size, took.Round(time.Millisecond),
		float64(l.size)/took.Seconds(), float64(l.size)/used.Seconds(), float64(info.Size())/float64(l.size))

	type filter = audit.Filter
	for _, bb := range []struct {
		name   string
		filter filter
	}{
		{"all", filter{}},
		{"hits", filter{Cache: audit.CacheHit}},
		{"principal", filter{Principal: "installer-190"}},
		{"rare old", filter{Principal: "once-only"}},
		{"rare old and frequent", filter{Operation: "GetOutpost", Cache: audit.CacheHit, ErrorClass: audit.ErrorClassNone, Region: "us-west-2"}},
		{"two frequent, nothing", filter{Cache: audit.CacheHit, Decision: audit.Deny}},
		{"six frequent, nothing", filter{Cache: audit.CacheHit, ErrorClass: audit.ErrorClassPolicy, Region: "us-west-2", Operation: "GetConnection", Decision: audit.Deny, Kind: audit.KindOutcome}},
		{"state", filter{State: "missing"}},
		{"state, nothing", filter{State: "missing", Cache: audit.CacheHit}},
		{"until the middle", filter{Until: marks.middle, Cache: audit.CacheMiss}},
		{"a second in the middle", filter{Since: marks.middle, Until: marks.middle.Add(time.Second)}},
		{"middle, nothing", filter{Since: marks.middle, Until: marks.middle.Add(time.Hour), Principal: "once-only"}},
		{"connection, rare", filter{Connection: fmt.Sprintf("%08x/c9+%d==", 49_000*2654435761%(1<<32), 49_000)}},
		{"request id", filter{RequestID: marks.oldRequest}},
		{"event id", filter{RequestID: marks.oldID}},
		{"text, many values", filter{Q: "installer"}},
		{"text, half the connections", filter{Q: "/c9+4"}},
		{"text, one old principal", filter{Q: "once-o"}},
		{"text, one connection", filter{Q: "c9+49000="}},
		{"text, absent", filter{Q: "xyzzy"}},
		{"text and values, nothing", filter{Q: "installer-00", Cache: audit.CacheHit, Decision: audit.Deny}},
		{"text of an agent and rare", filter{Q: "aws-sdk-go-v2/1.3", Principal: "once-only"}},
		{"text, two characters", filter{Q: "-1"}},
		{"beginning of a request id", filter{Q: marks.oldRequest[:8]}},
		{"beginning of an event id", filter{Q: marks.oldID[:14]}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			var times []time.Duration
			found := 0
			cut := ""
			for b.Loop() {
				began := time.Now()
				page, err := x.Query(b.Context(), index.Filter{Filter: bb.filter}, "", 50)
				if err != nil {
					b.Fatal(err)
				}
				times = append(times, time.Since(began))
				found = len(page.Entries)
				if found < 50 {
					cut = page.Next
				}
			}
			slices.Sort(times)
			b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "median-ms")
			b.ReportMetric(float64(times[len(times)-1].Microseconds())/1000, "max-ms")
			b.ReportMetric(float64(found), "entries")
			if cut != "" {
				b.ReportMetric(1, "to-be-continued")
			}
			b.ReportMetric(0, "ns/op")
		})
	}
	b.Run("get", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Get(b.Context(), marks.oldID); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("summary of all by the hour", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Summary(b.Context(), noon, noon.Add(30*24*time.Hour), time.Hour); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("summary of an hour by the minute", func(b *testing.B) {
		for b.Loop() {
			if _, err := x.Summary(b.Context(), noon, noon.Add(time.Hour), time.Minute); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("connections", func(b *testing.B) {
		for b.Loop() {
			if _, _, err := x.Connections(b.Context(), "", 50); err != nil {
				b.Fatal(err)
			}
		}
	})
}
