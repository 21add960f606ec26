package trail_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// offline reads paths once.
func offline(t *testing.T, keys string, paths ...string) (*sink, *trail.Source) {
	t.Helper()
	s := newSource(t, trail.Config{Paths: paths, SettleAfter: time.Hour, Keys: keys, Offline: true, Now: (&clock{day.Add(24 * time.Hour)}).Now})
	to := &sink{}
	poll(t, s, time.Time{}, to)
	return to, s
}

// in returns the ids of records of an hour, which they begin with, without
// repetitions.
func in(ids []string, hour time.Time) []string {
	var list []string
	for _, id := range ids {
		if strings.HasPrefix(id, hour.Format("15:")) {
			list = append(list, id)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func TestOffline(t *testing.T) {
	b := newBucket(t)
	b.hours(5)
	want := make([]string, 0, 10)
	for n := range 10 {
		want = append(want, fmt.Sprintf("%02d:%02d#%d", n/2, []int{4, 34}[n%2], n+1))
	}
	to, s := offline(t, keys(t), b.dir)
	if diff := cmp.Diff(want, to.records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if len(s.Faults()) != 0 {
		t.Errorf("faults %v", s.Faults())
	}

	file := b.find("CloudTrail_", "T0305Z")
	plain := filepath.Join(t.TempDir(), "downloaded")
	b.put(plain, []byte(`{"Records":[`+b.event(day)+`]}`))
	to, _ = offline(t, "", file, plain)
	if diff := cmp.Diff([]string{"00:00#11", "03:04#7"}, to.records); diff != "" {
		t.Errorf("records of two files (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]string{"03:00": "provisional: log files with records of this window are still to be expected"}, to.said()); diff != "" {
		t.Errorf("said of two files (-want +got):\n%s", diff)
	}
}

// A file that is named beside its directory is one file.
func TestNamedTwice(t *testing.T) {
	b := newBucket(t)
	b.hours(1)
	stray := filepath.Join(b.dir, "a.json")
	b.put(stray, []byte(`{"Records":[`+b.event(day)+`]}`))
	to, _ := offline(t, "", b.dir, stray, b.find("CloudTrail_", "T0005Z"), b.dir)
	if diff := cmp.Diff([]string{"00:00#3", "00:04#1", "00:34#2"}, to.records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
}

// Without digests only later files show that an hour's are all there, and hours
// without any file are not spoken of.
func TestNoDigests(t *testing.T) {
	b := newBucket(t)
	for _, h := range []int{0, 1, 2, 9, 11, 12} {
		b.log(day.Add(time.Duration(h)*time.Hour + 5*time.Minute))
	}
	to, _ := offline(t, keys(t), b.dir)
	const unproved, expected = "complete-unvalidated: there are no digests", "provisional: log files with records of this window are still to be expected"
	if diff := cmp.Diff(map[string]string{
		"00:00": unproved, "01:00": unproved, "02:00": unproved, "08:00": unproved, "09:00": unproved, "10:00": unproved, "11:00": expected, "12:00": expected,
	}, to.said()); diff != "" {
		t.Errorf("said (-want +got):\n%s", diff)
	}
}

func TestFaults(t *testing.T) {
	b := newBucket(t)
	b.hours(2)
	b.head(b.find("CloudTrail_", "T0105Z"), 50)
	junk := filepath.Join(b.dir, "notes.json")
	b.put(junk, []byte(`{}`))
	b.put(filepath.Join(b.dir, "111122223333_CloudTrail-Insight_us-west-2_20261126T0105Z_x.json.gz"), []byte("x"))
	b.put(filepath.Join(b.dir, "111122223333_CloudTrail_us-west-2_20261126T0105Z_x.json.gz.Ab12"), []byte("x"))
	to, s := offline(t, "", b.dir)
	if diff := cmp.Diff([]string{"00:04#1", "00:34#2", "01:34#4"}, to.records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	var got []string
	for _, f := range s.Faults() {
		got = append(got, filepath.Base(f.Path)+": "+f.Err.Error())
	}
	if diff := cmp.Diff([]string{
		"111122223333_CloudTrail_us-west-2_20261126T0105Z_Mu0KsOhtH1a00003.json.gz: byte 0: unexpected EOF",
		"notes.json: byte 2: a log file without Records",
	}, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
}

func TestNothingToRead(t *testing.T) {
	empty, broken := t.TempDir(), t.TempDir()
	if err := os.WriteFile(filepath.Join(broken, "a.json.gz"), []byte("\x1f\x8b"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ name, path, want string }{
		{"no files", empty, "no log files in"},
		{"no file that can be read", broken, "no file could be read"},
		{"no directory", filepath.Join(empty, "x"), "no such file"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			s := newSource(t, trail.Config{Paths: []string{tt.path}, Offline: true})
			if err := s.Poll(t.Context(), time.Time{}, &sink{}); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
	if _, err := trail.New(trail.Config{}); err == nil {
		t.Error("a source of nothing")
	}
}

// A directory to which files are copied, polled every ten minutes: every record
// comes at once, and before each word on a window all of its records come again.
func TestLive(t *testing.T) {
	for settle, done := range map[time.Duration]int{time.Hour: 8, 90 * time.Minute: 7, 0: 7} {
		t.Run(settle.String(), func(t *testing.T) { testLive(t, settle, done) })
	}
}

// testLive expects as many hours to be done with at the end.
func testLive(t *testing.T, settle time.Duration, done int) {
	b := newBucket(t)
	c := &clock{day}
	kept := places{}
	config := trail.Config{Paths: []string{b.dir}, SettleAfter: settle, Keys: keys(t), Places: kept, Now: c.Now}
	s := newSource(t, config)
	to := &sink{}
	var delivered []string
	for c.now.Before(day.Add(12 * time.Hour)) {
		c.now = c.now.Add(10 * time.Minute)
		if c.now.Minute() == 20 {
			b.digest()
		} else {
			b.log(c.now.Add(-3 * time.Minute))
			delivered = append(delivered, fmt.Sprintf("%s#%d", c.now.Add(-4*time.Minute).Format("15:04"), b.events))
		}
		if c.now.Minute() == 30 && c.now.Hour()%3 == 0 {
			s = newSource(t, config) // a restart
		}
		records, covered := len(to.records), len(to.covered)
		poll(t, s, day, to)
		if len(delivered) > 0 && !slices.Contains(to.records, delivered[len(delivered)-1]) {
			t.Fatalf("at %s %s was not handed over", c.now, delivered[len(delivered)-1])
		}
		for _, w := range to.covered[covered:] {
			if !w.AsOf.Equal(c.now) || w.Account != account || w.Region != region || w.End.Sub(w.Start) != time.Hour {
				t.Errorf("at %s: %+v", c.now, w)
			}
			if w.Completeness != cloudtrail.Provisional && w.AsOf.Before(w.End.Add(settle)) {
				t.Errorf("at %s %s is %s", c.now, w.Start, w.Completeness)
			}
			if diff := cmp.Diff(in(delivered, w.Start), in(to.records[records:], w.Start)); diff != "" {
				t.Errorf("at %s: records of %s before it was %s (-want +got):\n%s", c.now, w.Start, w.Completeness, diff)
			}
		}
	}
	counts := map[string]int{}
	for _, w := range to.covered {
		counts[w.Start.Format("15:04 ")+string(w.Completeness)]++
	}
	for h := range done {
		hour := day.Add(time.Duration(h) * time.Hour).Format("15:04 ")
		if n := counts[hour+"complete"]; n < 1 || n > 2 { // again after a restart
			t.Errorf("%scomplete was said %d times", hour, n)
		}
		if n := counts[hour+"provisional"]; n < 3 || n > 20 {
			t.Errorf("%sprovisional was said %d times", hour, n)
		}
	}
	status := s.Status()
	if want := day.Add(time.Duration(done) * time.Hour); !status.OK || status.Watermark.Before(want) || !status.LastSuccess.Equal(c.now) {
		t.Errorf("status %+v, want a watermark of %s at least", status, want)
	}
	if len(kept["trail-files"]) > 4096 {
		t.Errorf("a place of %d bytes", len(kept["trail-files"]))
	}
}

// What was done with before a restart is not read again, unless it changes.
func TestRestart(t *testing.T) {
	b := newBucket(t)
	b.hours(8)
	b.digest()
	b.beside()
	c := &clock{day.Add(10 * time.Hour)}
	config := trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Places: places{}, Now: c.Now}
	poll(t, newSource(t, config), day, &sink{})

	to := &sink{}
	s := newSource(t, config)
	poll(t, s, day, to)
	for hour, text := range to.said() {
		if hour < "06:00" {
			t.Errorf("again %s: %s", hour, text)
		}
	}
	for _, id := range to.records {
		if id < "06:00" {
			t.Errorf("again %s", id)
		}
	}
	// But for the last, of which whoever is told may have forgotten what goes beyond.
	if got := to.said()["06:00"]; got != "complete" {
		t.Errorf("06:00 is %q", got)
	}
	path := b.find("CloudTrail_", "T0205Z")
	b.put(path, packed([]byte(`{"Records":[]}`)))
	for range 2 {
		c.now = c.now.Add(time.Hour)
		poll(t, s, day, to)
	}
	for _, hour := range []string{"01:00", "02:00"} {
		if got := to.said()[hour]; !strings.HasPrefix(got, "incomplete") {
			t.Errorf("%s is %q after a file was altered", hour, got)
		}
	}
	if got := to.said()["03:00"]; got != "" {
		t.Errorf("03:00 is %q again", got)
	}

	for name, place := range map[string][]byte{"lost": nil, "broken": []byte("{"), "of another version": []byte(`{"v":9}`)} {
		config.Places = places{"trail-files": place}
		to := &sink{}
		poll(t, newSource(t, config), day, to)
		if len(in(to.records, day.Add(5*time.Hour))) != 2 || to.said()["05:00"] != "complete" {
			t.Errorf("place %s: %v, %v", name, to.records, to.said())
		}
	}
}

// Wherever the sink refuses, what it had not been told is told later, and nothing
// is taken as told that was not.
func TestRefusedAnywhere(t *testing.T) {
	b := newBucket(t)
	b.hours(6)
	b.digest()
	b.beside()
	c := &clock{day.Add(10 * time.Hour)}
	whole := &sink{}
	poll(t, newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Now: c.Now}), day, whole)
	dir := keys(t)
	for n := 1; n <= whole.calls; n++ {
		for _, restart := range []bool{true, false} {
			config := trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: dir, Places: places{}, Now: c.Now}
			s := newSource(t, config)
			to := &sink{refuse: n}
			if err := s.Poll(t.Context(), day, to); err == nil || !strings.Contains(err.Error(), "refused") {
				t.Fatalf("refused at %d: %v", n, err)
			}
			if s.Status().OK {
				t.Errorf("refused at %d: status is OK", n)
			}
			if restart {
				s = newSource(t, config)
			}
			to.refuse = 0
			poll(t, s, day, to)
			if diff := cmp.Diff(whole.said(), to.said()); diff != "" {
				t.Errorf("refused at %d, restart %v: said (-want +got):\n%s", n, restart, diff)
			}
			slices.Sort(to.records)
			if diff := cmp.Diff(whole.records, slices.Compact(to.records)); diff != "" {
				t.Errorf("refused at %d, restart %v: records (-want +got):\n%s", n, restart, diff)
			}
		}
	}
}

// A file that a sync tool has not finished is waited for.
func TestHalfWritten(t *testing.T) {
	b := newBucket(t)
	b.hours(8)
	path := b.find("CloudTrail_", "T0335Z")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	missing := b.find("CloudTrail_", "T0605Z")
	late, err := os.ReadFile(missing)
	if err != nil {
		t.Fatal(err)
	}
	b.put(path, whole[:len(whole)-5])
	b.put(missing, nil)
	_ = os.Remove(missing)
	c := &clock{day.Add(9 * time.Hour)}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Places: places{}, Now: c.Now})
	to := &sink{}
	step := func(after time.Duration, hour, want string) {
		t.Helper()
		c.now = c.now.Add(after)
		poll(t, s, day, to)
		if got := to.said()[hour]; !strings.HasPrefix(got, want) {
			t.Errorf("after %s %s is %q, want %q", after, hour, got, want)
		}
	}
	step(0, "03:00", "provisional: log file 111122223333_CloudTrail_us-west-2_20261126T0335Z")
	step(0, "05:00", "provisional: log file 111122223333_CloudTrail_us-west-2_20261126T0605Z_Mu0KsOhtH1a00013 is missing")
	step(14*time.Minute, "03:00", "provisional")
	step(time.Minute, "03:00", "incomplete: log file 111122223333_CloudTrail_us-west-2_20261126T0335Z")
	step(0, "05:00", "incomplete")
	b.put(path, whole)
	b.put(missing, late)
	step(time.Minute, "03:00", "complete")
	b.digest()
	step(time.Minute, "05:00", "complete")
	if !slices.Contains(to.records, "03:34#8") || !slices.Contains(to.records, "06:04#13") {
		t.Errorf("records %v", to.records)
	}
	if len(s.Faults()) != 0 {
		t.Errorf("faults %v", s.Faults())
	}
}

// A file of many records is handed over in parts.
func TestManyRecords(t *testing.T) {
	b := newBucket(t)
	var events, want []string
	for n := range 1201 {
		events = append(events, b.event(day))
		want = append(want, fmt.Sprintf("00:00#%d", n+1))
	}
	b.log(day.Add(5*time.Minute), events...)
	b.log(day.Add(10 * time.Minute))
	to, _ := offline(t, "", b.dir)
	if diff := cmp.Diff(append(want, "00:09#1202"), to.records); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if to.calls < 5 {
		t.Errorf("handed over in %d calls", to.calls)
	}

	s := newSource(t, trail.Config{Paths: []string{b.dir}, Offline: true})
	part := &sink{refuse: 3}
	if err := s.Poll(t.Context(), day, part); err == nil || len(part.records) >= 1201 {
		t.Errorf("error %v after %d records", err, len(part.records))
	}
	part.refuse, part.records = 0, nil
	poll(t, s, day, part)
	if diff := cmp.Diff(to.records, part.records); diff != "" {
		t.Errorf("records after a refusal (-want +got):\n%s", diff)
	}
}

// A file that could not be read is tried again though it looks the same: perhaps
// it was the disk.
func TestReadAgain(t *testing.T) {
	b := newBucket(t)
	b.hours(8)
	path := b.find("CloudTrail_", "T0335Z")
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write := func(data []byte) {
		t.Helper()
		b.put(path, data)
		if err := os.Chtimes(path, day, day); err != nil {
			t.Fatal(err)
		}
	}
	write(make([]byte, len(whole)))
	c := &clock{day.Add(9 * time.Hour)}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Now: c.Now})
	to := &sink{}
	poll(t, s, day, to)
	if got := to.said()["03:00"]; !strings.HasPrefix(got, "provisional: log file") || len(s.Faults()) != 1 {
		t.Errorf("03:00 is %q, faults %v", got, s.Faults())
	}
	write(whole)
	poll(t, s, day, to)
	if got := to.said()["03:00"]; got != "complete" || len(s.Faults()) != 0 {
		t.Errorf("03:00 is %q, faults %v", got, s.Faults())
	}
}

// Nothing is final before its time, even if files say that it is later.
func TestClockBehind(t *testing.T) {
	b := newBucket(t)
	b.log(day.Add(5 * time.Minute))
	b.log(day.Add(2*time.Hour + 5*time.Minute))
	c := &clock{day.Add(2*time.Hour - time.Second)}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Now: c.Now})
	to := &sink{}
	poll(t, s, day, to)
	if got := to.said()["00:00"]; !strings.HasPrefix(got, "provisional") {
		t.Errorf("00:00 is %q", got)
	}
	c.now = c.now.Add(time.Second)
	poll(t, s, day, to)
	if got := to.said()["00:00"]; !strings.HasPrefix(got, "complete-unvalidated") {
		t.Errorf("00:00 is %q", got)
	}
}

// Since bounds what is read and said, and moves on.
func TestSince(t *testing.T) {
	b := newBucket(t)
	b.hours(8)
	c := &clock{day.Add(9 * time.Hour)}
	kept := places{}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Places: kept, Now: c.Now})
	to := &sink{}
	since := day.Add(2*time.Hour + 20*time.Minute)
	poll(t, s, since, to)
	for _, w := range to.covered {
		if w.Start.Before(since) {
			t.Errorf("%+v begins before %s", w, since)
		}
	}
	if first := to.covered[0]; !first.Start.Equal(since) || !first.End.Equal(day.Add(3*time.Hour)) || first.Completeness != cloudtrail.Complete {
		t.Errorf("the first window is %+v", first)
	}
	if to.records[0] != "02:04#5" {
		t.Errorf("the first record is %s", to.records[0])
	}
	before := len(kept["trail-files"])
	poll(t, s, day.Add(48*time.Hour), to)
	b.log(day.Add(49 * time.Hour))
	c.now = day.Add(50 * time.Hour)
	poll(t, s, day.Add(48*time.Hour), to)
	if got := to.records[len(to.records)-1]; got != "00:59#17" {
		t.Errorf("the last record is %s", got)
	}
	if after := len(kept["trail-files"]); after > before {
		t.Errorf("the place has grown from %d to %d bytes", before, after)
	}
}

func TestStatus(t *testing.T) {
	b := newBucket(t)
	c := &clock{day}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Now: c.Now})
	if got := s.Status(); got.OK || got.Reason == "" {
		t.Errorf("before a poll: %+v", got)
	}
	poll(t, s, day, &sink{})
	if got := s.Status(); got.OK || !strings.Contains(got.Reason, "no log files") {
		t.Errorf("of an empty directory: %+v", got)
	}
	b.log(day.Add(5 * time.Minute))
	c.now = day.Add(time.Hour)
	poll(t, s, day, &sink{})
	if got := s.Status(); !got.OK || !got.LastSuccess.Equal(c.now) {
		t.Errorf("of a new file: %+v", got)
	}
	last := c.now
	c.now = day.Add(4 * time.Hour)
	poll(t, s, day, &sink{})
	if got := s.Status(); got.OK || !strings.Contains(got.Reason, "the newest file is of 2026-11-26T00:05:00Z") || !got.LastSuccess.Equal(last) {
		t.Errorf("of a file of four hours ago: %+v", got)
	}
}

// Files whose names are not CloudTrail's are read, and nothing more can be said of
// them.
func TestStatusOfStrays(t *testing.T) {
	b := newBucket(t)
	put := func(base, content string, at time.Time) {
		path := filepath.Join(b.dir, base)
		b.put(path, []byte(content))
		if err := os.Chtimes(path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	c := &clock{day.Add(time.Hour)}
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Now: c.Now})
	check := func(what string, ok bool, part string) {
		t.Helper()
		poll(t, s, day, &sink{})
		if got := s.Status(); got.OK != ok || !strings.Contains(got.Reason, part) || part == "" && got.Reason != "" {
			t.Errorf("%s: %+v", what, got)
		}
	}
	put("notes.json", `{}`, day)
	check("one that is no log file", false, fmt.Sprintf("no log file in [%q] could be read: %s", b.dir, filepath.Join(b.dir, "notes.json")))
	put("a.json", `{"Records":[`+b.event(day)+`]}`, day.Add(5*time.Minute))
	check("one", true, "do not tell what window they are of")
	c.now = day.Add(4 * time.Hour)
	check("one of four hours ago", false, "the newest file is of 2026-11-26T00:05:00Z")
	b.log(c.now)
	check("one beside a trail's", true, "")
}

// Each reading is told of, but one that was called off.
func TestObserver(t *testing.T) {
	b := newBucket(t)
	b.hours(2)
	var told results
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Observer: &told, Now: (&clock{day.Add(3 * time.Hour)}).Now})
	poll(t, s, day, &sink{})
	poll(t, s, day, &sink{})
	junk := filepath.Join(b.dir, "notes.json")
	b.put(junk, []byte(`{}`))
	poll(t, s, day, &sink{})
	if err := os.Remove(junk); err != nil {
		t.Fatal(err)
	}
	poll(t, s, day, &sink{})
	if err := os.Rename(b.dir, b.dir+"-gone"); err != nil {
		t.Fatal(err)
	}
	if err := s.Poll(t.Context(), day, &sink{}); err == nil {
		t.Error("a directory that is gone is read")
	}
	if diff := cmp.Diff(results{trail.ResultOK, trail.ResultOK, trail.ResultError, trail.ResultOK, trail.ResultError}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
}

func TestCancelled(t *testing.T) {
	b := newBucket(t)
	b.hours(2)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var told results
	s := newSource(t, trail.Config{Paths: []string{b.dir}, Observer: &told})
	defer func() {
		if len(told) != 1 {
			t.Errorf("told %v of a reading and of one that was called off", told)
		}
	}()
	if err := s.Poll(ctx, day, &sink{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	poll(t, s, day, &sink{})
}

// Names that claim times far from ours, or that are no names, make nothing endless.
func TestStrangeNames(t *testing.T) {
	b := newBucket(t)
	b.hours(3)
	event := b.event(day)
	for _, at := range []string{"00010101T0000Z", "99991231T2359Z", "20261127T2359Z", "20261326T0000Z"} {
		b.put(filepath.Join(b.dir, "111122223333_CloudTrail_us-west-2_"+at+"_x.json"), []byte(`{"Records":[`+event+`]}`))
	}
	to, _ := offline(t, "", b.dir)
	if n := len(in(to.records, day)); n != 3 {
		t.Errorf("records %v", to.records)
	}
	if len(to.covered) != 3 {
		t.Errorf("said %v", to.said())
	}
}
