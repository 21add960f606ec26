package keyring_test

import (
	"bytes"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func TestOpenRefuses(t *testing.T) {
	sound := keysText(entry(idA, "p"))
	for _, tc := range []struct {
		name string
		make func(t *testing.T, path string)
		want string
	}{
		{"missing", func(*testing.T, string) {}, "no such file"},
		{"mode for the group", func(t *testing.T, path string) { livefiletest.Write(t, path, sound, 0o640) }, "mode 0640, and holds secrets that only its owner may read; run: chmod 600 "},
		{"mode for all", func(t *testing.T, path string) { livefiletest.Write(t, path, sound, 0o604) }, "chmod 600 "},
		{"mode to write for the group", func(t *testing.T, path string) { livefiletest.Write(t, path, sound, 0o620) }, "chmod 600 "},
		{"too large", func(t *testing.T, path string) {
			livefiletest.Write(t, path, "keys: []\n#"+strings.Repeat("x", 1<<20), 0o600)
		}, "is larger than"},
		{"with a fault", func(t *testing.T, path string) { livefiletest.Write(t, path, "kyes: []\n", 0o600) }, `keys.yaml:1:1: unknown key "kyes"`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "keys.yaml")
			tc.make(t, path)
			_, err := keyring.Open(path, keyring.Options{Regions: []string{region}})
			if err == nil || !strings.Contains(err.Error(), tc.want) || !strings.Contains(err.Error(), path) {
				t.Errorf("error %v, want %s and the path", err, tc.want)
			}
		})
	}
	t.Run("no regions", func(t *testing.T) {
		if _, err := keyring.Open(keysFile(t), keyring.Options{}); err == nil {
			t.Error("opened")
		}
	})
}

func TestOpenAcceptsStricterModesAndLinks(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	livefiletest.Write(t, path, keysText(entry(idA, "p")), 0o400)
	link := filepath.Join(t.TempDir(), "link.yaml")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	authenticate(t, openRing(t, link), idA)
}

// Whatever changes in a definition changes the generation; what stays, keeps it.
func TestGenerations(t *testing.T) {
	base := []string{"expires: 2100-01-01T00:00:00Z", "disabled: false", `allow: [{operations: [GetConnection], regions: [us-west-2], connections: ["a*"]}]`}
	for _, tc := range []struct {
		name  string
		entry string
	}{
		{"principal", entry(idA, "q", base...)},
		{"secret", strings.Replace(entry(idA, "p", base...), "SECRET+of", "SECRET+ob", 1)},
		{"expiry", entry(idA, "p", "expires: 2100-01-01T00:00:01Z", base[1], base[2])},
		{"no expiry", entry(idA, "p", base[1], base[2])},
		{"disabled", entry(idA, "p", base[0], "disabled: true", base[2])},
		{"operations", entry(idA, "p", base[0], base[1], `allow: [{operations: [GetConnection, GetSite], regions: [us-west-2], connections: ["a*"]}]`)},
		{"regions", entry(idA, "p", base[0], base[1], `allow: [{operations: [GetConnection], regions: [us-east-2], connections: ["a*"]}]`)},
		{"no regions", entry(idA, "p", base[0], base[1], `allow: [{operations: [GetConnection], connections: ["a*"]}]`)},
		{"connections", entry(idA, "p", base[0], base[1], `allow: [{operations: [GetConnection], regions: [us-west-2], connections: ["b*"]}]`)},
		{"one more entry", entry(idA, "p", base[0], base[1], `allow: [{operations: [GetConnection], regions: [us-west-2], connections: ["a*"]}, {operations: [GetSite]}]`)},
		{"no policy", entry(idA, "p", base[0], base[1])},
		{"gone", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			original, other := entry(idA, "p", base...), entry(idB, "q", allowAll)
			path := keysFile(t, original, other)
			ring := openRing(t, path)
			first, bystander := authenticate(t, ring, idA), authenticate(t, ring, idB)
			if !first.Current() || first.Generation() == bystander.Generation() {
				t.Fatalf("generations %d and %d", first.Generation(), bystander.Generation())
			}

			reload(t, ring, path, tc.entry, other)
			if first.Current() {
				t.Error("the old definition is still current")
			}
			if ok, _ := first.Allows("GetConnection", region, "abc"); !ok {
				t.Error("the old principal no longer tells what it was allowed")
			}

			// Back to what it was: a generation is never used again.
			reload(t, ring, path, other, original)
			again := authenticate(t, ring, idA)
			if first.Current() || again.Generation() == first.Generation() || !again.Current() {
				t.Errorf("generation %d again after %d", again.Generation(), first.Generation())
			}
			if after := authenticate(t, ring, idB); !bystander.Current() || after.Generation() != bystander.Generation() {
				t.Errorf("the other key changed from %d to %d", bystander.Generation(), after.Generation())
			}

			// Layout and comments are not part of a definition.
			reload(t, ring, path, "  # a comment\n"+original, other)
			if !again.Current() {
				t.Error("a comment changed the generation")
			}
		})
	}
}

func reload(t *testing.T, ring *keyring.Ring, path string, entries ...string) {
	t.Helper()
	livefiletest.Replace(t, path, keysText(entries...))
	if err := ring.Reload(); err != nil {
		t.Fatal(err)
	}
}

// A file that is not sound changes nothing but the status.
func TestBadReloadKeepsTheKeys(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var log bytes.Buffer
	path := keysFile(t, entry(idA, "p", allowAll))
	ring, err := keyring.Open(path, keyring.Options{
		Regions: []string{region}, Logger: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now },
	})
	if err != nil {
		t.Fatal(err)
	}
	loaded := now
	p, err := ring.Authenticate(claimOf(t, idA, secretOf(idA), now))
	if err != nil {
		t.Fatal(err)
	}

	now = now.Add(time.Minute)
	since := now
	bad := keysText(entry(idA, "p", "allow: []"), entry("GPKX", "q"))
	for _, step := range []func(){
		func() { livefiletest.Replace(t, path, bad) },
		func() { now = now.Add(time.Minute) }, // the same again
		func() { os.Remove(path) },
		func() { livefiletest.Replace(t, path, bad); os.Chmod(path, 0o644) },
		func() { livefiletest.Replace(t, path, bad) },
	} {
		step()
		if err := ring.Reload(); err == nil {
			t.Fatal("reloaded")
		}
		s := ring.Status()
		if s.Err == nil || !s.Since.Equal(since) || !s.Loaded.Equal(loaded) || s.Keys != 1 {
			t.Errorf("status %+v, want a fault since %s", s, since)
		}
		if !p.Current() {
			t.Error("the key is no longer current")
		}
		if ok, _ := p.Allows("GetConnection", region, "x"); !ok {
			t.Error("the policy changed")
		}
	}
	if n := strings.Count(log.String(), "keys file refused"); n != 4 {
		t.Errorf("refusals were logged %d times, want once for each new one, 4:\n%s", n, log.String())
	}
	if strings.Contains(log.String(), "SECRET") {
		t.Errorf("the log shows a secret:\n%s", log.String())
	}

	livefiletest.Replace(t, path, keysText(entry(idA, "p", allowAll)))
	if err := ring.Reload(); err != nil {
		t.Fatal(err)
	}
	if s := ring.Status(); s.Err != nil || !s.Since.IsZero() || !s.Loaded.Equal(now) {
		t.Errorf("status %+v after it was mended", s)
	}
	if !p.Current() {
		t.Error("the same definition is no longer current")
	}
}

// The status of the faults is the faults.
func TestStatusHasTheFaults(t *testing.T) {
	path := keysFile(t, entry(idA, "p"))
	ring := openRing(t, path)
	livefiletest.Replace(t, path, keysText(entry("x", ""), entry(idB, "q", "allow: {}")))
	if err := ring.Reload(); err == nil {
		t.Fatal("reloaded")
	}
	f, ok := errors.AsType[*keyring.Fault](ring.Status().Err)
	if !ok || f.File != path || f.Line != 2 || f.Key != "keys[0].id" {
		t.Errorf("status has %v", ring.Status().Err)
	}
	if n := strings.Count(ring.Status().Err.Error(), "\n") + 1; n != 3 {
		t.Errorf("status has %d faults:\n%v", n, ring.Status().Err)
	}
}

// Readers go on while the file changes under them, and see each key as one of its
// definitions, never a mixture.
func TestReadersDuringReload(t *testing.T) {
	path := keysFile(t, entry(idA, "one", `allow: [{operations: [ListSites]}]`), entry(idB, "steady", allowAll))
	ring := openRing(t, path)
	a, b := signedBy(t, idA), signedBy(t, idB)
	steady := authenticate(t, ring, idB).Generation()
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			var last uint64
			for {
				select {
				case <-stop:
					return
				default:
				}
				if p, err := ring.Authenticate(b); err != nil || p.Generation() != steady {
					t.Errorf("the key that does not change: %v", err)
					return
				}
				p, err := ring.Authenticate(a)
				if errors.Is(err, keyring.ErrSignature) {
					continue // the key is gone at the moment
				}
				if err != nil {
					t.Error(err)
					return
				}
				lists, _ := p.Allows("ListSites", region, "")
				if lists != (p.Name() == "one") || p.Generation() < last {
					t.Errorf("principal %s lists: %t; generation %d after %d", p.Name(), lists, p.Generation(), last)
					return
				}
				last = p.Generation()
				p.Current()
				ring.Status()
			}
		})
	}
	for i := range 60 {
		var text string
		switch i % 4 {
		case 0:
			text = keysText(entry(idA, "one", `allow: [{operations: [ListSites]}]`), entry(idB, "steady", allowAll))
		case 1:
			text = keysText(entry(idB, "steady", allowAll), entry(idA, "two", `allow: [{operations: [GetSite]}]`))
		case 2:
			text = keysText(entry(idB, "steady", allowAll))
		case 3:
			text = "keys: nonsense"
		}
		livefiletest.Replace(t, path, text)
		if err := ring.Reload(); (err != nil) != (i%4 == 3) {
			t.Error(err)
		}
	}
	close(stop)
	readers.Wait()
}

// The earliest end of the keys that are enabled is told, whether it has come or not.
func TestStatusTellsTheEarliestExpiry(t *testing.T) {
	early, late := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	expires := func(at time.Time) string { return "expires: " + at.Format(time.RFC3339) }
	for _, tc := range []struct {
		name    string
		entries []string
		want    time.Time
	}{
		{"none expires", []string{entry(idA, "p")}, time.Time{}},
		{"one of two expires", []string{entry(idA, "p"), entry(idB, "q", expires(late))}, late},
		{"the earlier first", []string{entry(idA, "p", expires(early)), entry(idB, "q", expires(late))}, early},
		{"the earlier last", []string{entry(idA, "p", expires(late)), entry(idB, "q", expires(early))}, early},
		{"the earlier disabled", []string{entry(idA, "p", expires(early), "disabled: true"), entry(idB, "q", expires(late))}, late},
	} {
		t.Run(tc.name, func(t *testing.T) {
			path := keysFile(t, tc.entries...)
			ring := openRing(t, path)
			if got := ring.Status().Expiry; !got.Equal(tc.want) {
				t.Errorf("expiry %s, want %s", got, tc.want)
			}
			reload(t, ring, path, entry(idA, "p"))
			if got := ring.Status().Expiry; !got.IsZero() {
				t.Errorf("expiry %s after a reload, want none", got)
			}
		})
	}
}
