package token_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
)

func TestRunNoticesAChange(t *testing.T) {
	path := newFile(t, fileText(entry("soc", token.Viewer, "")))
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path, token.Options{})
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { s.Run(ctx) })
		time.Sleep(time.Second)
		livefiletest.Replace(t, path, fileText(entry("ops", token.Operator, "")))
		time.Sleep(150 * time.Millisecond)
		synctest.Wait()
		if _, err := s.Authenticate(textOf("soc"), time.Now()); !errors.Is(err, token.ErrUnknown) {
			t.Errorf("a deleted token: %v", err)
		}
		if id, err := s.Authenticate(textOf("ops"), time.Now()); err != nil || id.Role != token.Operator {
			t.Errorf("a new token: %+v, %v", id, err)
		}
		stop()
		running.Wait() // a Run that goes on fails the bubble's end
	})
}

func TestFaultKeepsTheTokensInUse(t *testing.T) {
	sound := fileText(entry("soc", token.Viewer, ""))
	tests := []struct {
		name   string
		damage func(t *testing.T, path string)
		want   string // part of the error
	}{
		{"fault", func(t *testing.T, path string) { livefiletest.Replace(t, path, fileText(entry("ops", "admin", ""))) }, "tokens[0].role"},
		{"no YAML", func(t *testing.T, path string) { livefiletest.Replace(t, path, "tokens: [") }, "is not YAML"},
		{"emptied", func(t *testing.T, path string) { livefiletest.Replace(t, path, "") }, "is empty"},
		{"removed", func(t *testing.T, path string) { os.Remove(path) }, "no such file"},
		{"opened to the group", func(t *testing.T, path string) { os.Chmod(path, 0o620) }, "chmod go-w"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			path := newFile(t, sound)
			var log livefiletest.Log
			s := open(t, path, token.Options{Logger: log.Logger()})
			loaded := s.Status()
			log.Take()

			tt.damage(t, path)
			s.Poll()
			status := s.Status()
			if status.Err == nil || !strings.Contains(status.Err.Error(), tt.want) || status.Since.IsZero() {
				t.Errorf("status %+v, want %q", status, tt.want)
			}
			if status.Tokens != 1 || !status.Loaded.Equal(loaded.Loaded) {
				t.Errorf("status %+v is not about the tokens in use: %+v", status, loaded)
			}
			if _, err := s.Authenticate(textOf("soc"), time.Now()); err != nil {
				t.Errorf("the token loaded before: %v", err)
			}
			if err := s.Reload(); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("reload: %v", err)
			}
			s.Poll()
			if again := s.Status(); !again.Since.Equal(status.Since) {
				t.Errorf("Since moved from %v to %v", status.Since, again.Since)
			}
			if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") || !strings.Contains(lines[0], tt.want) {
				t.Errorf("logged %q, want one error", lines)
			}

			livefiletest.Replace(t, path, sound)
			s.Poll()
			if status := s.Status(); status.Err != nil || !status.Since.IsZero() || status.Tokens != 1 {
				t.Errorf("status %+v after it was mended", status)
			}
			s.Poll()
			if lines := strings.Join(log.Take(), "\n"); strings.Count(lines, "mended") != 1 || strings.Count(lines, "tokens loaded") > 1 {
				t.Errorf("logged %q, want that it was mended, once", lines)
			}
			s.Poll()
			tt.damage(t, path)
			s.Poll()
			s.Poll()
			if lines := log.Take(); len(lines) != 1 || !strings.Contains(lines[0], "level=ERROR") {
				t.Errorf("logged %q when it came again, want one error", lines)
			}
		})
	}
}

func TestReloadDoesNotWaitForALook(t *testing.T) {
	path := newFile(t, "tokens: []\n")
	s := open(t, path, token.Options{})
	livefiletest.Replace(t, path, fileText(entry("soc", token.Viewer, "")))
	if err := s.Reload(); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Authenticate(textOf("soc"), time.Now()); err != nil {
		t.Error(err)
	}
}

func TestAuthenticateDuringReloads(t *testing.T) {
	always := entry("soc", token.Viewer, "")
	path := newFile(t, fileText(always))
	s := open(t, path, token.Options{})
	var asking sync.WaitGroup
	done := make(chan struct{})
	for range 4 {
		asking.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				if _, err := s.Authenticate(textOf("soc"), time.Now()); err != nil {
					t.Errorf("a token that was always there: %v", err)
					return
				}
				s.Status()
			}
		})
	}
	for i := range 50 {
		livefiletest.Replace(t, path, fileText(always, entry("ops", token.Roles()[i%2], "")))
		if err := s.Reload(); err != nil {
			t.Error(err)
		}
	}
	close(done)
	asking.Wait()
}

// Whoever reads the operators' log, or a status, learns no token.
func TestNothingTellsATokenThatStandsInTheFile(t *testing.T) {
	secret := textOf("pasted")
	misplaced := []string{
		"tokens: [{name: " + secret + ", role: viewer, sha256: " + hexA + "}]",
		"tokens: [{name: a, role: " + secret + ", sha256: " + hexA + "}]",
		"tokens: [{name: a, role: viewer, sha256: " + secret + "}]",
		"tokens: [{name: a, role: viewer, sha256: " + hexA + ", expires: " + secret + "}]",
		"tokens: [{name: a, role: viewer, " + secret + ": " + hexA + "}]",
		"tokens: [" + secret + "]",
		secret,
		secret + ": 1",
		"tokens: [" + secret,
		"tokens: \"" + secret,
		"tokens:\n  " + secret + "\n - x",
		"tokens: {" + secret + "\n",
		"tokens: *" + secret + "\n",
		"tokens: !" + secret + " 1\n",
		"tokens: |" + secret + "\n",
		"%" + secret + "\n",
		"tokens: @" + secret + "\n",
		"tokens: \"\\" + secret + "\"\n",
	}
	for _, text := range misplaced {
		path := newFile(t, "tokens: []")
		var log livefiletest.Log
		s := open(t, path, token.Options{Logger: log.Logger()})
		livefiletest.Replace(t, path, text)
		err := s.Reload()
		if err == nil {
			t.Errorf("accepted %q", text)
			continue
		}
		_, listErr := token.File{Path: path}.List()
		for _, told := range []string{err.Error(), s.Status().Err.Error(), strings.Join(log.Take(), "\n"), listErr.Error()} {
			if strings.Contains(told, "SECRET") {
				t.Errorf("%q is told as %q", text, told)
			}
		}
	}
}

func TestATokenIsNowhereButWithItsBearer(t *testing.T) {
	path := newFile(t, "tokens: []\n")
	text, err := token.File{Path: path}.New(t.Context(), token.Info{Name: "soc", Role: token.Viewer})
	if err != nil {
		t.Fatal(err)
	}
	var log livefiletest.Log
	s := open(t, path, token.Options{Logger: log.Logger()})
	if _, err := s.Authenticate(text, time.Now()); err != nil {
		t.Fatal(err)
	}
	if bytes.Contains([]byte(livefiletest.Read(t, path)), []byte(text[4:])) || strings.Contains(strings.Join(log.Take(), ""), text[4:]) {
		t.Error("the file or the log has the token")
	}
}

// The earliest end of the tokens is told, whether it has come or not.
func TestStatusTellsTheEarliestExpiry(t *testing.T) {
	const early, late = "2026-03-01T00:00:00Z", "2100-01-01T00:00:00Z"
	for name, tt := range map[string]struct {
		expires [2]string
		want    string
	}{
		"none expires":      {},
		"one of two":        {[2]string{"", late}, late},
		"the earlier first": {[2]string{early, late}, early},
		"the earlier last":  {[2]string{late, early}, early},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, newFile(t, fileText(entry("a", token.Viewer, tt.expires[0]), entry("b", token.Viewer, tt.expires[1]))), token.Options{})
			var want time.Time
			if tt.want != "" {
				want, _ = time.Parse(time.RFC3339, tt.want)
			}
			if got := s.Status().Expiry; !got.Equal(want) {
				t.Errorf("expiry %s, want %s", got, want)
			}
		})
	}
}
