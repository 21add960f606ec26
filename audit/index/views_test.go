package index_test

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// tester is what testing and rapid have in common.
type tester interface {
	Helper()
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// compareCounts compares summaries and usages with the events themselves.
func compareCounts(t tester, x *index.Index, events []audit.Event) {
	t.Helper()
	ctx := context.Background()
	calls := callsOf(events)
	want := map[time.Time]*index.Point{}
	point := func(e audit.Event) *index.Point {
		at := e.Time.Truncate(time.Hour)
		if want[at] == nil {
			want[at] = &index.Point{Start: at, ByCache: map[string]uint64{}, ByErrorClass: map[string]uint64{}, ByState: map[string]uint64{}}
		}
		return want[at]
	}
	type usage struct {
		Connection, Principal, Key   string
		Calls, Refused, First, Index uint64
	}
	connections, callers := map[usage]usage{}, map[usage]usage{}
	use := func(all map[usage]usage, who usage, e audit.Event) {
		u, known := all[who]
		if !known {
			u = who
			u.First = e.Index
		}
		u.Calls++
		if e.Decision == audit.Deny {
			u.Refused++
		}
		u.Index = e.Index
		all[who] = u
	}
	newest := func(all map[usage]usage) []usage {
		return slices.SortedFunc(maps.Values(all), func(a, b usage) int { return cmp.Compare(b.Index, a.Index) })
	}
	oldest := func(all map[usage]usage) []usage {
		return slices.SortedFunc(maps.Values(all), func(a, b usage) int { return cmp.Compare(a.First, b.First) })
	}
	for _, e := range events {
		switch e.Kind {
		case audit.KindOutcome:
			p := point(e)
			p.Calls++
			if e.Cache != "" {
				p.ByCache[string(e.Cache)]++
			}
			if e.ErrorClass != "" {
				p.ByErrorClass[string(e.ErrorClass)]++
			}
			if s := calls[e.ID].state(); s != "" {
				p.ByState[s]++
			}
			if e.ConnectionID != "" {
				use(connections, usage{Connection: e.ConnectionID}, e)
			}
			if e.Principal != "" || e.AccessKeyID != "" {
				use(callers, usage{Principal: e.Principal, Key: e.AccessKeyID}, e)
			}
		case audit.KindFinding:
			if e.State != "" {
				point(e).ByState[e.State]++
			}
		}
	}
	points, err := x.Summary(ctx, noon.Add(-time.Hour), noon.Add(time.Hour), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	var wanted []index.Point
	for _, at := range slices.SortedFunc(maps.Keys(want), time.Time.Compare) {
		wanted = append(wanted, *want[at])
	}
	if diff := gocmp.Diff(wanted, points, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("summary (-want +got):\n%s", diff)
	}
	page := max(2, len(events)/100)
	for _, v := range []struct {
		name string
		ask  func(ctx context.Context, cursor string, limit int) ([]index.Usage, string, error)
		want []usage
	}{
		{"connections", x.Connections, newest(connections)},
		{"callers", x.Callers, newest(callers)},
		{"every connection", x.EveryConnection, oldest(connections)},
		{"every caller", x.EveryCaller, oldest(callers)},
	} {
		var got []usage
		for cursor, more := "", true; more; more = cursor != "" {
			list, next, err := v.ask(ctx, cursor, page)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range list {
				if u.Last == nil || u.Last.Event.Index != u.LastIndex {
					t.Fatalf("%s: last is %+v, not entry %d", v.name, u.Last, u.LastIndex)
				}
				got = append(got, usage{u.ConnectionID, u.Principal, u.AccessKeyID, u.Calls, u.Refused, u.First, u.LastIndex})
			}
			cursor = next
		}
		if strings.HasPrefix(v.name, "every") { // in the order of names, which intents bring in too
			slices.SortFunc(got, func(a, b usage) int { return cmp.Compare(a.First, b.First) })
		}
		if !slices.Equal(v.want, got) {
			t.Fatalf("%s (-want +got):\n%s", v.name, gocmp.Diff(v.want, got))
		}
	}
}

// compareGet compares lookups by id with the events themselves.
func compareGet(t tester, x *index.Index, events []audit.Event, id string) {
	t.Helper()
	ctx := context.Background()
	var about, asked []uint64
	for _, e := range events {
		if e.ID == id || e.Of == id {
			about = append(about, e.Index)
		}
		if slices.ContainsFunc(e.Attempts, func(a audit.Attempt) bool { return a.RequestID == id }) {
			asked = append(asked, e.Index)
		}
		got, err := x.At(ctx, e.Index)
		if err != nil || !gocmp.Equal(got.Event, e) {
			t.Fatalf("At(%d) = %+v, %v; want %+v", e.Index, got.Event, err, e)
		}
	}
	if id == "" {
		about, asked = nil, nil
	}
	for _, v := range []struct {
		name string
		get  func() ([]index.Entry, error)
		want []uint64
	}{
		{"Get", func() ([]index.Entry, error) { return x.Get(ctx, id) }, about},
		{"ByRequest", func() ([]index.Entry, error) { return x.ByRequest(ctx, id) }, asked},
	} {
		list, err := v.get()
		if (len(v.want) == 0) != errors.Is(err, index.ErrNotFound) || err != nil && len(v.want) > 0 {
			t.Fatalf("%s(%q): %v", v.name, id, err)
		}
		var got []uint64
		for _, e := range list {
			got = append(got, e.Event.Index)
		}
		if diff := gocmp.Diff(v.want, got); diff != "" {
			t.Fatalf("%s(%q) (-want +got):\n%s", v.name, id, diff)
		}
	}
}

func TestViewsOfStory(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	x := open(t, l)
	step(t, x)
	compareCounts(t, x, l.events)
	for _, id := range []string{idMiss, idHit, reqLast, reqFirst, "v1", "none"} {
		compareGet(t, x, l.events, id)
	}
}

// What is used between two pages is not missed where every one is wanted.
func TestUseBetweenPages(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	x := open(t, l)
	use := func(names ...string) {
		for _, name := range names {
			l.append(audit.Event{Kind: audit.KindOutcome, ID: audit.NewID(noon), Time: noon, ConnectionID: name, Principal: name})
		}
		step(t, x)
	}
	use("a", "b", "c", "d")
	for _, v := range []struct {
		name string
		ask  func(ctx context.Context, cursor string, limit int) ([]index.Usage, string, error)
		want []string
	}{
		{"connections", x.Connections, []string{"d", "c", "b"}},
		{"every connection", x.EveryConnection, []string{"a", "b", "c", "d", "new"}},
		{"every caller", x.EveryCaller, []string{"a", "b", "c", "d", "new", "newer"}},
	} {
		var got []string
		for cursor, more := "", true; more; more = cursor != "" {
			list, next, err := v.ask(t.Context(), cursor, 2)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range list {
				got = append(got, u.ConnectionID+u.Principal)
			}
			if cursor == "" {
				use("a", map[string]string{"every connection": "new", "every caller": "newer"}[v.name])
			}
			cursor = next
		}
		if diff := gocmp.Diff(v.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", v.name, diff)
		}
	}
}

func TestSummarySteps(t *testing.T) {
	l := newTestLog(t, t.TempDir())
	x := open(t, l)
	at := func(d time.Duration) audit.Event {
		return audit.Event{Kind: audit.KindOutcome, ID: audit.NewID(noon), Time: noon.Add(d), Cache: audit.CacheHit}
	}
	const day = 24 * time.Hour
	l.append(at(0), at(59*time.Second), at(time.Minute), at(90*time.Minute), at(day), at(-36*time.Hour), at(-60*365*day))
	step(t, x)
	tests := []struct {
		name         string
		since, until time.Duration
		step         time.Duration
		want         map[time.Duration]uint64 // by start
	}{
		{"minutes", 0, 2 * time.Minute, time.Minute, map[time.Duration]uint64{0: 2, time.Minute: 1}},
		{"the end is left out", 0, time.Minute, time.Minute, map[time.Duration]uint64{0: 2}},
		{"edges are widened", 30 * time.Second, time.Minute + 1, time.Minute, map[time.Duration]uint64{0: 2, time.Minute: 1}},
		{"two minutes", 0, time.Hour, 2 * time.Minute, map[time.Duration]uint64{0: 3}},
		{"hours", 0, day, time.Hour, map[time.Duration]uint64{0: 3, time.Hour: 1}},
		{"days begin at midnight", 0, day, day, map[time.Duration]uint64{-12 * time.Hour: 4, 12 * time.Hour: 1}},
		{"two days", -4 * day, 2 * day, 2 * day, map[time.Duration]uint64{-60 * time.Hour: 1, -12 * time.Hour: 5}},
		{"before 1970", -61 * 365 * day, -59 * 365 * day, day, map[time.Duration]uint64{-60*365*day - 12*time.Hour: 1}},
		{"nothing", time.Hour, 0, time.Minute, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			points, err := x.Summary(t.Context(), noon.Add(tt.since), noon.Add(tt.until), tt.step)
			if err != nil {
				t.Fatal(err)
			}
			var got map[time.Duration]uint64
			for _, p := range points {
				if got == nil {
					got = map[time.Duration]uint64{}
				}
				got[p.Start.Sub(noon)] = p.Calls
				if p.ByCache["hit"] != p.Calls {
					t.Errorf("%v: %d hits of %d calls", p.Start, p.ByCache["hit"], p.Calls)
				}
			}
			if diff := gocmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	for _, step := range []time.Duration{0, time.Second, 90 * time.Second, -time.Minute} {
		if _, err := x.Summary(t.Context(), noon, noon.Add(day), step); err == nil {
			t.Errorf("a step of %v is accepted", step)
		}
	}
	if _, err := x.Summary(t.Context(), time.Time{}, noon, time.Minute); err == nil {
		t.Error("a thousand million steps are accepted")
	}
}
