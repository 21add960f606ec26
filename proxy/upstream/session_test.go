package upstream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// source is where a session's credentials come from.
type source struct {
	mu       sync.Mutex
	asked    int
	took     time.Duration
	lifetime time.Duration // zero: for ever
	err      error
}

func (s *source) retrieve(ctx context.Context) (*snapshot, error) {
	s.mu.Lock()
	s.asked++
	n, took, lifetime, err := s.asked, s.took, s.lifetime, s.err
	s.mu.Unlock()
	select {
	case <-time.After(took):
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	creds := aws.Credentials{AccessKeyID: fmt.Sprintf("ASIA%d", n), SecretAccessKey: "secret"}
	if lifetime != 0 {
		creds.CanExpire, creds.Expires = true, time.Now().Add(lifetime)
	}
	return newSnapshot(creds, Identity{Partition: "aws"})
}

func (s *source) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked
}

func (s *source) set(edit func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	edit()
}

// withSession runs a test in a bubble with a session of src.
func withSession(t *testing.T, src *source, test func(t *testing.T, s *session)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		work := newBackground(DefaultTimeout)
		defer work.close()
		test(t, &session{name: "test", retrieve: src.retrieve, work: work, log: slog.New(slog.DiscardHandler)})
	})
}

func key(t *testing.T, s *session) string {
	t.Helper()
	set, err := s.get(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return set.identity.AccessKeyID
}

func TestSessionIsSharedByThoseWhoWait(t *testing.T) {
	src := &source{took: time.Second, lifetime: time.Hour}
	withSession(t, src, func(t *testing.T, s *session) {
		var group sync.WaitGroup
		for range 100 {
			group.Go(func() {
				if got := key(t, s); got != "ASIA1" {
					t.Errorf("key %s", got)
				}
			})
		}
		group.Wait()
		if src.count() != 1 {
			t.Errorf("asked %d times", src.count())
		}
	})
}

// The one who asked first leaves; the others get what it asked for.
func TestSessionOutlivesTheOneWhoAsked(t *testing.T) {
	src := &source{took: time.Second, lifetime: time.Hour}
	withSession(t, src, func(t *testing.T, s *session) {
		ctx, cancel := context.WithCancel(t.Context())
		first := make(chan error)
		go func() { _, err := s.get(ctx); first <- err }()
		synctest.Wait()
		second := make(chan string)
		go func() { second <- key(t, s) }()
		synctest.Wait()
		cancel()
		if err := <-first; !errors.Is(err, context.Canceled) {
			t.Errorf("the first: %v", err)
		}
		if got := <-second; got != "ASIA1" || src.count() != 1 {
			t.Errorf("the second got %s, asked %d times", got, src.count())
		}
	})
}

// In the last minutes a refresh runs in the background, once, and nobody waits.
func TestSessionIsRefreshedEarly(t *testing.T) {
	src := &source{lifetime: time.Hour}
	withSession(t, src, func(t *testing.T, s *session) {
		key(t, s)
		time.Sleep(time.Hour - earlyRefresh - time.Second)
		key(t, s)
		synctest.Wait()
		if src.count() != 1 {
			t.Fatalf("refreshed too early")
		}
		time.Sleep(2 * time.Second)
		src.set(func() { src.took = 5 * time.Second })
		for range 10 {
			begun := time.Now()
			if got := key(t, s); got != "ASIA1" || time.Since(begun) != 0 {
				t.Fatalf("%s after %v", got, time.Since(begun))
			}
		}
		synctest.Wait()
		if src.count() != 2 {
			t.Fatalf("asked %d times, want 2", src.count())
		}
		time.Sleep(6 * time.Second)
		if got := key(t, s); got != "ASIA2" {
			t.Errorf("after the refresh: %s", got)
		}
	})
}

// A short session is refreshed in its last quarter.
func TestShortSessionIsRefreshedInItsLastQuarter(t *testing.T) {
	src := &source{lifetime: 40 * time.Second}
	withSession(t, src, func(t *testing.T, s *session) {
		key(t, s)
		time.Sleep(29 * time.Second)
		key(t, s)
		synctest.Wait()
		if src.count() != 1 {
			t.Error("refreshed too early")
		}
		time.Sleep(2 * time.Second)
		key(t, s)
		synctest.Wait()
		if got := key(t, s); got != "ASIA2" {
			t.Errorf("key %s", got)
		}
	})
}

// A session that was not used while it was due expired: it is never handed out.
func TestExpiredSessionIsNotHandedOut(t *testing.T) {
	src := &source{lifetime: 5 * time.Second}
	withSession(t, src, func(t *testing.T, s *session) {
		key(t, s)
		time.Sleep(5 * time.Second)
		if got := key(t, s); got != "ASIA2" {
			t.Errorf("key %s", got)
		}
		src.set(func() { src.lifetime = -time.Second })
		time.Sleep(5 * time.Second)
		if _, err := s.get(t.Context()); !errors.Is(err, errExpired) {
			t.Errorf("credentials that had expired when they came: %v", err)
		}
	})
}

// While the source is down the old session goes on until it expires, and not a
// moment longer.
func TestSessionEndsWithItsExpiryWhenTheSourceIsDown(t *testing.T) {
	src := &source{lifetime: time.Hour}
	withSession(t, src, func(t *testing.T, s *session) {
		key(t, s)
		broken := errors.New("down")
		src.set(func() { src.err = broken })
		begun := time.Now()
		for time.Since(begun) < time.Hour {
			if got := key(t, s); got != "ASIA1" {
				t.Fatalf("after %v: %s", time.Since(begun), got)
			}
			time.Sleep(time.Second)
		}
		if _, err := s.get(t.Context()); !errors.Is(err, broken) {
			t.Errorf("after the expiry: %v", err)
		}
		// Five minutes of a source that is down, asked every second: 1+2+4+…+60 s apart.
		if n := src.count(); n < 5 || n > 15 {
			t.Errorf("asked %d times", n)
		}
		if valid, failure := s.status(); valid || !errors.Is(failure, broken) {
			t.Errorf("status %v, %v", valid, failure)
		}
		src.set(func() { src.err = nil })
		time.Sleep(longestBackoff)
		if _, err := s.get(t.Context()); err != nil {
			t.Errorf("the source is up again: %v", err)
		}
		if valid, failure := s.status(); !valid || failure != nil {
			t.Errorf("status %v, %v", valid, failure)
		}
	})
}

// A source that fails is left alone for a time that doubles; meanwhile nobody
// waits.
func TestSessionBacksOff(t *testing.T) {
	src := &source{err: errors.New("down")}
	withSession(t, src, func(t *testing.T, s *session) {
		last := time.Now()
		var gaps []time.Duration
		for asked := 0; len(gaps) < 9; {
			before := time.Now()
			if _, err := s.get(t.Context()); err == nil || time.Since(before) != 0 {
				t.Fatalf("after %v: %v", time.Since(before), err)
			}
			if n := src.count(); n > asked {
				asked = n
				gaps = append(gaps, time.Since(last))
				last = time.Now()
			}
			time.Sleep(100 * time.Millisecond)
		}
		for i, want := range []time.Duration{0, 1, 2, 4, 8, 16, 32, 60, 60} {
			if gaps[i] != want*time.Second {
				t.Errorf("gap %d: %v, want %v", i, gaps[i], want*time.Second)
			}
		}
	})
}

// Credentials that AWS refuses are replaced at the next call, but not over and
// over when the source has no others.
func TestRefusedSessionIsReplaced(t *testing.T) {
	src := &source{}
	withSession(t, src, func(t *testing.T, s *session) {
		first, err := s.get(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		s.refuse(first)
		if got := key(t, s); got != "ASIA1" {
			t.Errorf("a set of this moment was replaced by %s", got)
		}
		time.Sleep(refreshPause)
		s.refuse(first)
		if valid, _ := s.status(); valid {
			t.Error("a refused set is valid")
		}
		if got := key(t, s); got != "ASIA2" {
			t.Errorf("key %s", got)
		}
		time.Sleep(refreshPause)
		s.refuse(first) // a late answer to a call that was signed with the old set
		if got := key(t, s); got != "ASIA2" || src.count() != 2 {
			t.Errorf("key %s, asked %d times", got, src.count())
		}
	})
}

// A source without an end does not hold calls for ever.
func TestRetrievalIsBounded(t *testing.T) {
	src := &source{took: time.Hour}
	withSession(t, src, func(t *testing.T, s *session) {
		begun := time.Now()
		if _, err := s.get(t.Context()); !errors.Is(err, context.DeadlineExceeded) || time.Since(begun) != DefaultTimeout {
			t.Errorf("after %v: %v", time.Since(begun), err)
		}
	})
}

func TestSessionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := newBackground(DefaultTimeout)
		defer work.close()
		opened := map[string]int{}
		s := newSessions(&session{}, work, func(principal string) *session {
			opened[principal]++
			return &session{name: principal, retrieve: (&source{}).retrieve, work: work, log: slog.New(slog.DiscardHandler)}
		})
		s.limit = 3
		for _, principal := range []string{"a", "b", "c", "a", "d", "a", "c", "b"} {
			if _, err := s.sign(t.Context(), principal); err != nil {
				t.Fatal(err)
			}
			if n := len(s.byPrincipal); n > 3 || n != s.order.Len() {
				t.Fatalf("%d sessions, %d in order", n, s.order.Len())
			}
		}
		// d pushed out b, which had not been used for the longest time; b's return
		// pushed out d.
		for principal, want := range map[string]int{"a": 1, "b": 2, "c": 1, "d": 1} {
			if opened[principal] != want {
				t.Errorf("%s: opened %d times, want %d", principal, opened[principal], want)
			}
		}
	})
}

// The identity of base credentials is looked up in the background; a lookup that
// fails is repeated, each time later.
func TestCallerIsLearntInTheBackground(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		work := newBackground(DefaultTimeout)
		defer work.close()
		var asked int
		broken := errors.New("down")
		c := &caller{work: work, log: slog.New(slog.DiscardHandler), ask: func(context.Context, *snapshot) (string, string, error) {
			asked++
			time.Sleep(time.Second)
			if broken != nil {
				return "", "", broken
			}
			return "123456789012", fmt.Sprintf("arn:aws:iam::123456789012:user/%d", asked), nil
		}}
		set, err := newSnapshot(testKeys, Identity{})
		if err != nil {
			t.Fatal(err)
		}
		begun := time.Now()
		for range 100 {
			if got := c.name(set); got != set {
				t.Fatal("a name from nowhere")
			}
		}
		if time.Since(begun) != 0 {
			t.Error("waited for the lookup")
		}
		time.Sleep(1500 * time.Millisecond)
		c.name(set) // backed off
		synctest.Wait()
		if asked != 1 {
			t.Errorf("asked %d times", asked)
		}
		broken = nil
		time.Sleep(time.Second)
		c.name(set)
		time.Sleep(2 * time.Second)
		if got := c.name(set).identity; got.ARN != "arn:aws:iam::123456789012:user/2" || got.Account != "123456789012" || got.AccessKeyID != testKeys.AccessKeyID {
			t.Errorf("identity %+v", got)
		}
		other := *set
		if got := c.name(&other); got.identity.ARN != "" {
			t.Error("another set got the name of the first")
		}
		time.Sleep(2 * time.Second)
		if got := c.name(&other); got.identity.ARN == "" {
			t.Error("the other set was not looked up")
		}
	})
}
