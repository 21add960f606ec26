package keyring_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func TestAuthenticate(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ring := openRingAt(t, keysFile(t,
		entry(idA, "installer", "expires: 2026-11-23T12:00:01Z", allowAll),
		entry(idB, "retired", "disabled: true", allowAll),
		entry(idC, "gone", "expires: 2026-11-23T12:00:00Z", allowAll),
	), func() time.Time { return now })
	for _, tc := range []struct {
		name, id, secret string
		want             error  // nil for a refusal
		refused          string // the reason
		principal        string
	}{
		{"right", idA, secretOf(idA), nil, "", "installer"},
		{"wrong secret", idA, secretOf(idB), keyring.ErrSignature, "", ""},
		{"unknown key", "GPKZZZZZZZZZZZZZZZZZ", secretOf(idA), keyring.ErrSignature, "", ""},
		{"unknown key, signed with what stands in", "GPKZZZZZZZZZZZZZZZZZ", ring.UnknownSecret(), keyring.ErrSignature, "", ""},
		{"known key, signed with what stands in", idA, ring.UnknownSecret(), keyring.ErrSignature, "", ""},
		{"disabled", idB, secretOf(idB), nil, keyring.ReasonDisabled, "retired"},
		{"disabled, wrong secret", idB, secretOf(idA), keyring.ErrSignature, "", ""},
		{"expired this moment", idC, secretOf(idC), nil, keyring.ReasonExpired, "gone"},
		{"expired, wrong secret", idC, secretOf(idA), keyring.ErrSignature, "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p, err := ring.Authenticate(claimOf(t, tc.id, tc.secret, now))
			refused, isRefused := errors.AsType[*keyring.Refused](err)
			switch {
			case tc.refused != "":
				if !isRefused || refused.Reason != tc.refused {
					t.Errorf("error %v, want refusal %s", err, tc.refused)
				}
				if ok, reason := p.Allows("GetConnection", region, "x"); ok || reason != tc.refused {
					t.Errorf("refused principal is allowed: %t, %q", ok, reason)
				}
			case err != tc.want: // the same value, for one text
				t.Errorf("error %v, want %v", err, tc.want)
			}
			if p.Name() != tc.principal {
				t.Errorf("principal %q, want %q", p.Name(), tc.principal)
			}
			if tc.principal == "" && p != (keyring.Principal{}) {
				t.Errorf("principal beside %v: %s", err, p.KeyID())
			}
			if tc.principal != "" && (p.KeyID() != tc.id || p.Generation() == 0) {
				t.Errorf("key id %q, generation %d", p.KeyID(), p.Generation())
			}
		})
	}
}

func TestExpiryFollowsTheClock(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ring := openRingAt(t, keysFile(t, entry(idA, "p", "expires: 2026-11-23T12:00:01Z")), func() time.Time { return now })
	claim := claimOf(t, idA, secretOf(idA), now)
	p, err := ring.Authenticate(claim)
	if err != nil {
		t.Fatal(err)
	}
	if want := now.Add(time.Second); !p.Expires().Equal(want) {
		t.Errorf("expires %s, want %s", p.Expires(), want)
	}
	now = now.Add(time.Second)
	if _, err := ring.Authenticate(claim); err == nil {
		t.Error("accepted at its expiry")
	}
}

func TestZeroPrincipalIsNobody(t *testing.T) {
	var p keyring.Principal
	if ok, _ := p.Allows("GetConnection", region, "x"); ok || p.Current() || p.Name() != "" || p.KeyID() != "" || p.Generation() != 0 || !p.Expires().IsZero() {
		t.Error("the zero principal is somebody")
	}
}

// An unknown key id costs what a known one does: the claim is verified against a
// signing key of its own, which is at hand exactly when those of known keys are.
func TestUnknownKeyCostsTheSame(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	ring := openRingAt(t, keysFile(t, entry(idA, "p"), entry(idB, "q")), func() time.Time { return now })
	const unknown = ""
	check := func(when string, want int) {
		t.Helper()
		for _, id := range []string{idA, idB, unknown} {
			if got := ring.Derived(id); got != want {
				t.Errorf("%s: %d signing keys for %q, want %d", when, got, id, want)
			}
		}
	}
	check("after opening, for both regions", 2)
	for range 3 {
		_, _ = ring.Authenticate(claimOf(t, idA, "wrong secret", now))
		_, _ = ring.Authenticate(claimOf(t, "GPKZZZZZZZZZZZZZZZZZ", "wrong secret", now))
	}
	check("after wrong signatures, of a key never used and of none", 2)

	tomorrow := now.Add(24 * time.Hour)
	ring.DeriveFor(tomorrow)
	check("after the day was prepared", 4)

	// Should a request come for a day that nobody prepared, each derives once.
	later := now.Add(72 * time.Hour)
	for range 3 {
		_, _ = ring.Authenticate(claimOf(t, idA, "wrong secret", later))
		_, _ = ring.Authenticate(claimOf(t, idB, "wrong secret", later))
		_, _ = ring.Authenticate(claimOf(t, "GPKZZZZZZZZZZZZZZZZZ", "wrong secret", later))
		_, _ = ring.Authenticate(claimOf(t, "GPKYYYYYYYYYYYYYYYYY", "wrong secret", later))
	}
	check("after a day without Run", 3)
}

// The heap is asked too: neither way allocates.
func TestAuthenticateAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("sync.Pool forgets at random under the race detector")
	}
	ring := openRing(t, keysFile(t, entry(idA, "p", `allow: [{operations: [GetConnection], connections: ["a*b", "x/*"]}]`)))
	right := signedBy(t, idA)
	wrong := claimOf(t, idA, "wrong secret", time.Now())
	unknown := claimOf(t, idB, "wrong secret", time.Now())
	for name, allocs := range map[string]float64{
		"right": testing.AllocsPerRun(1000, func() {
			p, err := ring.Authenticate(right)
			if err != nil || !p.Current() {
				t.Fatal(err)
			}
			if ok, _ := p.Allows("GetConnection", region, "x/y"); !ok {
				t.Fatal("not allowed")
			}
		}),
		"wrong":   testing.AllocsPerRun(1000, func() { _, _ = ring.Authenticate(wrong) }),
		"unknown": testing.AllocsPerRun(1000, func() { _, _ = ring.Authenticate(unknown) }),
	} {
		if allocs != 0 {
			t.Errorf("%s signature: %v allocations", name, allocs)
		}
	}
}

// Around midnight in UTC both days' signing keys are at hand, and no day stays.
func TestSigningKeysRollAtMidnight(t *testing.T) {
	midnight := time.Date(2026, 11, 24, 0, 0, 0, 0, time.UTC)
	now := midnight.Add(-2 * time.Minute)
	ring := openRingAt(t, keysFile(t, entry(idA, "p")), func() time.Time { return now })
	for _, signedAt := range []time.Duration{
		-2 * time.Minute, time.Minute, -time.Minute, 2 * time.Minute, -time.Second, 0,
		24 * time.Hour, 24*time.Hour - time.Second, 48 * time.Hour, 72 * time.Hour, 71 * time.Hour,
	} {
		at := midnight.Add(signedAt)
		for _, region := range []string{"us-west-2", "us-east-2"} {
			if _, err := ring.Authenticate(claimFor(t, idA, secretOf(idA), region, at)); err != nil {
				t.Errorf("signed at %s for %s: %v", at, region, err)
			}
			if _, err := ring.Authenticate(claimFor(t, idA, secretOf(idB), region, at)); err != keyring.ErrSignature {
				t.Errorf("wrongly signed at %s for %s: %v", at, region, err)
			}
		}
		if n := ring.Derived(idA); n > 4 {
			t.Fatalf("%d signing keys are kept, 2 days of 2 regions are enough", n)
		}
	}
}

// A key's date and region are part of what is derived: a signature for one is
// none for another.
func TestSignatureOfAnotherServiceIsNone(t *testing.T) {
	ring := openRing(t, keysFile(t, entry(idA, "p")))
	claim := signedBy(t, idA)
	claim.Region = "us-east-2"
	if _, err := ring.Authenticate(claim); err != keyring.ErrSignature {
		t.Errorf("a signature for us-west-2 was taken for us-east-2: %v", err)
	}
}

func BenchmarkAuthenticate(b *testing.B) {
	for _, n := range []int{1, 1000} {
		entries := []string{entry(idA, "p", allowAll)}
		for i := range n - 1 {
			entries = append(entries, entry(fmt.Sprintf("GPK%017d", i), "p", allowAll))
		}
		ring := openRing(b, keysFile(b, entries...))
		right, unknown := signedBy(b, idA), claimOf(b, idB, "wrong secret", time.Now())
		b.Run(fmt.Sprintf("right/keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ring.Authenticate(right); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("unknown/keys=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				_, _ = ring.Authenticate(unknown)
			}
		})
	}
}
