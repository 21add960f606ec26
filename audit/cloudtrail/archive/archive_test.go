package archive_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
)

func open(t *testing.T, dir string) *archive.Archive {
	t.Helper()
	a, err := archive.Open(t.Context(), archive.Config{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

var seen = time.Date(2026, 11, 1, 0, 5, 0, 123_000, time.UTC)

func record(n int) cloudtrail.Record {
	return cloudtrail.Record{
		EventVersion: "1.11", EventID: fmt.Sprintf("e-%d", n), EventTime: time.Date(2026, 11, 1, 0, 0, n, 0, time.UTC), EventSource: cloudtrail.EventSource,
		EventName: "GetConnection", AWSRegion: "us-west-2", RequestID: fmt.Sprintf("r-%d", n), UserAgent: "<script>\u202e", EventType: "AwsApiCall",
		UserIdentity: cloudtrail.UserIdentity{ARN: "arn:aws:iam::123456789012:user/x"}, Request: cloudtrail.Request{ConnectionID: "a/b+="},
		Addendum: &cloudtrail.Addendum{Reason: "UPDATED_DATA", OriginalEventID: "e-0"},
	}
}

// stored reads a record back as what it was.
func stored(t *testing.T, a *archive.Archive, id string) *cloudtrail.Record {
	t.Helper()
	text, err := a.Record(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if text == nil {
		return nil
	}
	var r cloudtrail.Record
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return &r
}

func TestRecords(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	one, two := record(1), record(2)
	if err := a.Put(t.Context(), seen, []cloudtrail.Record{one, two, one}); err != nil {
		t.Fatal(err)
	}
	again := two
	again.ErrorCode = "AccessDenied"
	if err := a.Put(t.Context(), seen, []cloudtrail.Record{again}); err != nil {
		t.Fatal(err)
	}
	reader, err := archive.OpenReader(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	for _, from := range []*archive.Archive{a, reader} {
		for _, want := range []cloudtrail.Record{one, two} {
			if diff := cmp.Diff(&want, stored(t, from, want.EventID)); diff != "" {
				t.Errorf("record %s (-want +got):\n%s", want.EventID, diff)
			}
		}
		if got := stored(t, from, "e-3"); got != nil {
			t.Errorf("record that was never put: %+v", got)
		}
	}
	if err := reader.Put(t.Context(), seen, []cloudtrail.Record{one}); err == nil {
		t.Error("a reader wrote")
	}
}

func TestSince(t *testing.T) {
	a := open(t, t.TempDir())
	for _, n := range []int{3, 1, 2, 4} {
		if err := a.Put(t.Context(), seen.Add(time.Duration(n)*time.Minute), []cloudtrail.Record{record(n)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Put(t.Context(), seen.Add(time.Hour), []cloudtrail.Record{record(3)}); err != nil {
		t.Fatal(err)
	}
	var got []archive.Seen
	for s, err := range a.Since(t.Context(), record(2).EventTime) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, archive.Seen{Record: s.Record, At: s.At.UTC()})
	}
	var want []archive.Seen
	for _, n := range []int{2, 3, 4} {
		want = append(want, archive.Seen{Record: record(n), At: seen.Add(time.Duration(n) * time.Minute)})
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("records since the second (-want +got):\n%s", diff)
	}
	for range a.Since(t.Context(), time.Time{}) {
		break // and go on with other things
	}
	if err := a.SetPlace(t.Context(), "after", []byte("x")); err != nil {
		t.Error(err)
	}
}

// What is older than a time goes, from the disk too, and nothing else does.
func TestPrune(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	var records []cloudtrail.Record
	for n := range 50 {
		r := record(n)
		r.UserAgent = fmt.Sprintf("agent-of-%d-", n)
		records = append(records, r)
	}
	if err := errors.Join(a.Put(t.Context(), seen, records), a.SetPlace(t.Context(), "p", []byte("x"))); err != nil {
		t.Fatal(err)
	}
	before := records[20].EventTime
	for _, want := range []int64{20, 0} {
		older, err := a.Older(t.Context(), before)
		if err != nil || older != want {
			t.Errorf("%d older: %v, want %d", older, err, want)
		}
		if n, err := a.Prune(t.Context(), before); err != nil || n != want {
			t.Errorf("%d pruned: %v, want %d", n, err, want)
		}
	}
	if stored(t, a, "e-19") != nil || stored(t, a, "e-20") == nil || stored(t, a, "e-49") == nil {
		t.Error("not those that are older")
	}
	if place, err := a.Place(t.Context(), "p"); string(place) != "x" || err != nil {
		t.Errorf("the place is %q, %v", place, err)
	}
	a.Close()
	for _, name := range []string{archive.FileName, archive.FileName + "-wal"} {
		content, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Fatal(err)
		}
		if bytes.Contains(content, []byte("agent-of-7-")) {
			t.Errorf("%s still has a record", name)
		}
	}
	if text, err := os.ReadFile(filepath.Join(dir, archive.FileName)); err != nil || !bytes.Contains(text, []byte("agent-of-30-")) {
		t.Errorf("the test does not see what is there: %v", err)
	}
}

func TestPlaces(t *testing.T) {
	dir := t.TempDir()
	a := open(t, dir)
	if got, err := a.Place(t.Context(), "us-west-2"); got != nil || err != nil {
		t.Errorf("place that was never set: %q, %v", got, err)
	}
	for _, value := range []string{"one", "two"} {
		if err := a.SetPlace(t.Context(), "us-west-2", []byte(value)); err != nil {
			t.Fatal(err)
		}
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := open(t, dir).Place(t.Context(), "us-west-2"); string(got) != "two" || err != nil {
		t.Errorf("place after a restart: %q, %v", got, err)
	}
}

func TestConcurrency(t *testing.T) {
	a := open(t, t.TempDir())
	var all sync.WaitGroup
	for n := range 8 {
		all.Go(func() {
			for i := range 20 {
				r := record(n*100 + i)
				if err := a.Put(t.Context(), seen, []cloudtrail.Record{r}); err != nil {
					t.Error(err)
				}
				if text, err := a.Record(t.Context(), r.EventID); text == nil || err != nil {
					t.Errorf("record %s: %s, %v", r.EventID, text, err)
				}
				if err := a.SetPlace(t.Context(), fmt.Sprint(n), fmt.Append(nil, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
}

func TestUnusableFiles(t *testing.T) {
	for _, test := range []struct {
		name    string
		damage  func(t *testing.T, path string)
		refused bool
	}{
		{"absent", func(t *testing.T, path string) { remove(t, path) }, false},
		{"empty", func(t *testing.T, path string) { write(t, path, "") }, false},
		{"no database", func(t *testing.T, path string) {
			write(t, path, "this is a text, longer than a header of SQLite would be, of somebody's")
		}, false},
		{"cut short", func(t *testing.T, path string) {
			if err := os.Truncate(path, 5000); err != nil {
				t.Fatal(err)
			}
		}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			dir := t.TempDir()
			a := open(t, dir)
			if err := a.Put(t.Context(), seen, []cloudtrail.Record{record(1)}); err != nil {
				t.Fatal(err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			test.damage(t, filepath.Join(dir, archive.FileName))
			if _, err := archive.OpenReader(t.Context(), dir); !errors.Is(err, archive.ErrAbsent) {
				t.Errorf("OpenReader: %v", err)
			}
			a = open(t, dir)
			if got := stored(t, a, "e-1"); got != nil {
				t.Errorf("record of a file that is gone: %+v", got)
			}
			if err := a.Put(t.Context(), seen, []cloudtrail.Record{record(2)}); err != nil {
				t.Error(err)
			}
		})
	}
}

// An index of the log is a SQLite file too, and somebody's data.
func TestForeignDatabase(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, archive.FileName)
	foreign(t, path)
	before, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := archive.Open(t.Context(), archive.Config{Dir: dir}); err == nil {
		t.Error("opened")
	}
	after, err := os.ReadFile(path)
	if err != nil || string(before) != string(after) {
		t.Errorf("a foreign database was changed, %v", err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
