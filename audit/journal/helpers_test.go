package journal_test

import (
	"context"
	"errors"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// open opens a journal that the test closes at its end.
func open(t testing.TB, c journal.Config) *journal.Journal {
	t.Helper()
	if c.Origin == "" {
		c.Origin = "test"
	}
	if c.Dir == "" {
		c.Dir = "mem"
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	j, err := journal.Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closed(t, j) })
	return j
}

func closed(t testing.TB, j *journal.Journal) {
	t.Helper()
	// A test's own context ends before what it cleans up.
	if err := j.Close(context.WithoutCancel(t.Context())); err != nil {
		t.Error(err)
	}
}

func event(id string) *audit.Event {
	return &audit.Event{ID: id, Kind: audit.KindOutcome, Time: time.Unix(1, 0), Decision: audit.Allow}
}

func intent(id string) *audit.Event {
	e := event(id)
	e.Kind = audit.KindIntent
	return e
}

// add appends events with the ids and requires that they become durable.
func add(t testing.TB, j *journal.Journal, ids ...string) {
	t.Helper()
	for _, id := range ids {
		if _, err := j.Append(t.Context(), event(id)); err != nil {
			t.Fatalf("append %s: %v", id, err)
		}
	}
}

func wantUnavailable(t testing.TB, err error, reason string) {
	t.Helper()
	if u, ok := errors.AsType[*journal.Unavailable](err); !ok || u.Reason != reason {
		t.Fatalf("error %v, want unavailable for %s", err, reason)
	}
}

// read collects an iteration, parsed, and requires that it has no errors.
func read(t testing.TB, lines iter.Seq2[journal.Line, error]) []audit.Event {
	t.Helper()
	var list []audit.Event
	for line, err := range lines {
		if err != nil {
			t.Fatalf("read behind %d lines: %v", len(list), err)
		}
		list = append(list, parsed(t, line))
	}
	return list
}

func parsed(t testing.TB, line journal.Line) audit.Event {
	t.Helper()
	e, err := audit.ParseLine(line.Bytes)
	if err != nil {
		t.Fatalf("entry %d: %v", line.Index, err)
	}
	if e.Index != line.Index {
		t.Fatalf("line of entry %d holds entry %d", line.Index, e.Index)
	}
	return e
}

// names renders events shortly: the action of a system event, the id of others.
func names(list []audit.Event) []string {
	var out []string
	for _, e := range list {
		if e.Kind == audit.KindSystem {
			out = append(out, e.Action)
		} else {
			out = append(out, e.ID)
		}
	}
	return out
}

// find returns the events with the action.
func find(list []audit.Event, action string) []audit.Event {
	return slices.DeleteFunc(slices.Clone(list), func(e audit.Event) bool { return e.Action != action })
}

// files returns the names in dir that begin with prefix, sorted.
func files(t testing.TB, dir, prefix string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), prefix) {
			list = append(list, e.Name())
		}
	}
	return list
}

func readFile(t testing.TB, elem ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(elem...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func writeFile(t testing.TB, b []byte, elem ...string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(elem...), b, 0o600); err != nil {
		t.Fatal(err)
	}
}
