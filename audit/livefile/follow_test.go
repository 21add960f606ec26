package livefile_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

// noticed is how long a change may go unnoticed.
const noticed = 100 * time.Millisecond

// longAgo is old even in a bubble, whose clock begins in 2000.
var longAgo = time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC)

// run follows a file until the function returned is called.
func run(t *testing.T, f *livefile.Follower[string]) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { f.Run(ctx) })
	return func() { cancel(); running.Wait() }
}

func TestRunNoticesChanges(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change func(t *testing.T, path string)
	}{
		{"replaced", func(t *testing.T, path string) { livefiletest.Replace(t, path, "two") }},
		{"written in place", func(t *testing.T, path string) { livefiletest.Write(t, path, "two", 0o600) }},
		{"replaced by one of the same size and time", func(t *testing.T, path string) {
			livefiletest.Replace(t, path, "two")
			os.Chtimes(path, longAgo, longAgo)
		}},
		{"removed and made again", func(t *testing.T, path string) { os.Remove(path); livefiletest.Write(t, path, "two", 0o600) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := newFile(t, "one")
			os.Chtimes(path, longAgo, longAgo)
			synctest.Test(t, func(t *testing.T) {
				f := follow(t, path, nil)
				defer run(t, f)()
				time.Sleep(time.Second)
				tc.change(t, path)
				time.Sleep(noticed)
				synctest.Wait()
				if f.Value() != "two" {
					t.Errorf("%q in use after the change", f.Value())
				}
			})
		})
	}
}

// Two changes within one step of the file system's clock look alike to stat.
func TestRunNoticesAChangeRightAfterAnother(t *testing.T) {
	path := newFile(t, "")
	synctest.Test(t, func(t *testing.T) {
		step := time.Now()
		put := func(text string) {
			livefiletest.Write(t, path, text, 0o600)
			os.Chtimes(path, step, step)
		}
		put("one")
		f := follow(t, path, nil)
		defer run(t, f)()
		time.Sleep(noticed)
		put("two") // in place, of the same size
		time.Sleep(noticed)
		synctest.Wait()
		if f.Value() != "two" {
			t.Errorf("%q in use", f.Value())
		}
	})
}

// As Kubernetes mounts a secret: the file is a link into a directory that is a
// link, and only the latter is replaced.
func TestRunFollowsSymbolicLinks(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{"v1": "one", "v2": "two"} {
		os.Mkdir(filepath.Join(dir, name), 0o700)
		livefiletest.Write(t, filepath.Join(dir, name, "file"), text, 0o400)
		os.Chtimes(filepath.Join(dir, name, "file"), longAgo, longAgo)
	}
	os.Symlink("v1", filepath.Join(dir, "data"))
	path := filepath.Join(dir, "file")
	os.Symlink(filepath.Join("data", "file"), path)
	synctest.Test(t, func(t *testing.T) {
		f := follow(t, path, nil)
		defer run(t, f)()
		os.Symlink("v2", filepath.Join(dir, "data.new"))
		os.Rename(filepath.Join(dir, "data.new"), filepath.Join(dir, "data"))
		time.Sleep(noticed)
		synctest.Wait()
		if f.Value() != "two" {
			t.Errorf("%q in use after the directory was replaced", f.Value())
		}
	})
}

// A look reads a file whose state has changed, and one that changed so lately that
// another change might not show.
func TestWhenALookReads(t *testing.T) {
	for _, tc := range []struct {
		name        string
		first, then time.Duration // the age of the file when it changes, and afterwards
		text        string
		read        bool
	}{
		{"old, nothing else", time.Hour, time.Hour, "two", false},
		{"old, another size", time.Hour, time.Hour, "three", true},
		{"old, another time", time.Hour, 2 * time.Hour, "two", true},
		{"young, nothing else", time.Second, time.Second, "two", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path, now := newFile(t, "one"), time.Now()
			age := func(d time.Duration) {
				if err := os.Chtimes(path, now.Add(-d), now.Add(-d)); err != nil {
					t.Fatal(err)
				}
			}
			age(tc.first)
			f := follow(t, path, nil)
			f.Poll()
			livefiletest.Write(t, path, tc.text, 0o600)
			age(tc.then)
			f.Poll()
			if read := f.Value() == tc.text; read != tc.read {
				t.Errorf("read = %v, want %v", read, tc.read)
			}
			if err := f.Reload(); err != nil || f.Value() != tc.text {
				t.Errorf("reload: %q, %v", f.Value(), err)
			}
		})
	}
}

func TestFaultKeepsWhatIsInUse(t *testing.T) {
	for _, tc := range []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string
	}{
		{"a fault", func(t *testing.T, path string) { livefiletest.Replace(t, path, "bad text") }, "bad text"},
		{"removed", func(_ *testing.T, path string) { os.Remove(path) }, "no such file"},
		{"opened to others", func(_ *testing.T, path string) { os.Chmod(path, 0o602) }, "chmod go-w"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := newFile(t, "one")
			var log livefiletest.Log
			f := follow(t, path, log.Logger())
			loaded := f.Status().At
			for round := range 2 {
				tc.damage(t, path)
				f.Poll()
				since := f.Status().Since
				if err := f.Reload(); err == nil || !strings.Contains(err.Error(), tc.want) {
					t.Errorf("reload: %v", err)
				}
				f.Poll()
				s := f.Status()
				if s.Err == nil || !strings.Contains(s.Err.Error(), tc.want) || since.IsZero() || !s.Since.Equal(since) || s.Value != "one" || !s.At.Equal(loaded) {
					t.Errorf("round %d: status %+v, want %q since %s", round, s, tc.want, since)
				}
				if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], `level=ERROR msg="things file refused, the things loaded before stay in use"`) {
					t.Errorf("round %d: logged %q, want one error", round, lines)
				}
				livefiletest.Replace(t, path, "one")
				f.Poll()
				f.Poll()
				if s := f.Status(); s.Err != nil || !s.Since.IsZero() || s.Value != "one" {
					t.Errorf("round %d: status %+v after it was mended", round, s)
				}
				if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "things file mended") {
					t.Errorf("round %d: logged %q, want that it was mended", round, lines)
				}
				loaded = f.Status().At
			}
		})
	}
}

func TestFollowRefusesABadFile(t *testing.T) {
	fault := errors.New("fault")
	var log livefiletest.Log
	_, err := livefile.Follow(livefile.Source[int]{Path: newFile(t, ""), Rules: rules(), Logger: log.Logger(), Parse: func([]byte, int) (int, error) { return 0, fault }})
	if err != fault {
		t.Errorf("error %v", err)
	}
	if lines := log.Take(); len(lines) > 0 {
		t.Errorf("nothing is in use, and it is logged that %q", lines)
	}
}

// What is parsed again knows what came before, and a text that did not change is
// parsed again by Reload alone.
func TestParseIsToldWhatWasInUse(t *testing.T) {
	path := newFile(t, "a")
	f, err := livefile.Follow(livefile.Source[string]{Path: path, Rules: rules(), Parse: func(text []byte, before string) (string, error) {
		return before + string(text), nil
	}})
	if err != nil {
		t.Fatal(err)
	}
	livefiletest.Replace(t, path, "b")
	f.Poll()
	livefiletest.Replace(t, path, "b")
	f.Poll()
	if f.Value() != "ab" {
		t.Errorf("%q in use", f.Value())
	}
	if err := f.Reload(); err != nil || f.Value() != "abb" {
		t.Errorf("%q in use after a reload, %v", f.Value(), err)
	}
}

func TestReadersDuringReloads(t *testing.T) {
	path := newFile(t, "one")
	f := follow(t, path, nil)
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if v := f.Value(); v != "one" && v != "two" || f.Status().Value == "" {
					t.Errorf("%q in use", v)
					return
				}
			}
		})
	}
	for i := range 60 {
		livefiletest.Replace(t, path, []string{"one", "bad", "two"}[i%3])
		if err := f.Reload(); (err != nil) != (i%3 == 1) {
			t.Error(err)
		}
	}
	close(done)
	readers.Wait()
}
