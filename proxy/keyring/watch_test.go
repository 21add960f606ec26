package keyring_test

import (
	"bytes"
	"context"
	"log/slog"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// noticed is how long a change may go unnoticed.
const noticed = 100 * time.Millisecond

func TestRunNoticesAChange(t *testing.T) {
	path := keysFile(t, entry(idA, "one"))
	synctest.Test(t, func(t *testing.T) {
		ring := openRing(t, path)
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { ring.Run(ctx) })
		p := authenticate(t, ring, idA)
		livefiletest.Replace(t, path, keysText(entry(idA, "two")))
		time.Sleep(noticed)
		synctest.Wait()
		if name := authenticate(t, ring, idA).Name(); name != "two" || p.Current() {
			t.Errorf("principal %s after the change, the old one current: %t", name, p.Current())
		}
		cancel()
		running.Wait() // a Run that goes on fails the bubble's end
	})
}

func TestRunKeepsTheKeysOfABadFile(t *testing.T) {
	path := keysFile(t, entry(idA, "one", allowAll))
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		ring, err := keyring.Open(path, keyring.Options{Regions: []string{region}, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { ring.Run(ctx) })

		p := authenticate(t, ring, idA)
		time.Sleep(noticed / 2) // between two looks at the file
		for _, step := range []struct {
			name   string
			change func()
			sound  bool
		}{
			{"half a file", func() { livefiletest.Replace(t, path, keysText(entry(idA, "one"))[:40]) }, false},
			{"no file", func() { os.Remove(path) }, false},
			{"a file that others can read", func() { livefiletest.Write(t, path, keysText(entry(idA, "one", allowAll)), 0o644) }, false},
			{"mended by its mode alone", func() { os.Chmod(path, 0o600) }, true},
			{"a directory", func() { os.Remove(path); os.Mkdir(path, 0o700) }, false},
			{"the file again", func() { os.Remove(path); livefiletest.Write(t, path, keysText(entry(idA, "one", allowAll)), 0o600) }, true},
		} {
			step.change()
			time.Sleep(noticed)
			synctest.Wait()
			if s := ring.Status(); (s.Err == nil) != step.sound {
				t.Errorf("%s: status %v", step.name, s.Err)
			}
			if !p.Current() {
				t.Errorf("%s: the key changed", step.name)
			}
			time.Sleep(10 * noticed)
		}
		cancel()
		running.Wait()
		if n := strings.Count(log.String(), "keys file refused"); n != 4 {
			t.Errorf("4 faults were logged %d times:\n%s", n, log.String())
		}
		if n := strings.Count(log.String(), "mended"); n != 2 {
			t.Errorf("mended twice, logged %d times:\n%s", n, log.String())
		}
	})
}

// The signing keys of a day are there before the day is, for all keys alike, and
// go when it is over.
func TestRunPreparesTheNextDay(t *testing.T) {
	path := keysFile(t, entry(idA, "p"), entry(idB, "q"))
	synctest.Test(t, func(t *testing.T) {
		begun := time.Now() // midnight UTC
		var ahead atomic.Int64
		ring := openRingAt(t, path, func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
		ctx, cancel := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { ring.Run(ctx) })
		for _, step := range []struct {
			name string
			at   time.Duration
			want int // of 2 regions
		}{
			{"in the evening", 23*time.Hour + 29*time.Minute, 2},
			{"before midnight", 23*time.Hour + 31*time.Minute, 4},
			{"after midnight", 24*time.Hour + time.Minute, 4},
			{"days later", 96 * time.Hour, 4},
		} {
			ahead.Store(int64(time.Until(begun.Add(step.at))))
			time.Sleep(noticed)
			synctest.Wait()
			for _, id := range []string{idA, idB, ""} {
				if n := ring.Derived(id); n != step.want {
					t.Errorf("%s: %d signing keys for %q, want %d", step.name, n, id, step.want)
				}
			}
		}
		if _, err := ring.Authenticate(claimOf(t, idA, secretOf(idA), begun.Add(96*time.Hour))); err != nil {
			t.Error(err)
		}
		cancel()
		running.Wait()
	})
}
