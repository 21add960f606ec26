package keyring_test

import (
	"crypto/sha256"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile/livefiletest"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

const (
	idA = "GPK7Q2M4X6ZB3N5C8V1L"
	idB = "GPKBBBBBBBBBBBBBBBBB"
	idC = "GPKCCCCCCCCCCCCCCCCC"

	region = "us-west-2"
)

// secretOf is a secret that is easy to find in a text.
func secretOf(id string) string { return "SECRET+of/" + id + "+012345678901234567890123456789" }

// entry is a key of the file, with lines for its other fields.
func entry(id, principal string, lines ...string) string {
	var text strings.Builder
	fmt.Fprintf(&text, "  - id: %s\n    secret: %q\n    principal: %s\n", id, secretOf(id), principal)
	for _, line := range lines {
		text.WriteString("    " + line + "\n")
	}
	return text.String()
}

const allowAll = `allow: [{operations: ["*"]}]`

func keysText(entries ...string) string { return "keys:\n" + strings.Join(entries, "") }

func keysFile(tb testing.TB, entries ...string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "keys.yaml")
	livefiletest.Replace(tb, path, keysText(entries...))
	return path
}

func openRing(tb testing.TB, path string) *keyring.Ring {
	tb.Helper()
	return openRingAt(tb, path, nil)
}

func openRingAt(tb testing.TB, path string, now func() time.Time) *keyring.Ring {
	tb.Helper()
	logger := slog.New(slog.NewTextHandler(tb.Output(), nil))
	r, err := keyring.Open(path, keyring.Options{Regions: []string{region, "us-east-2"}, Logger: logger, Now: now})
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

// claimOf is what a request signed with a secret, under an id, comes to.
func claimOf(tb testing.TB, id, secret string, at time.Time) *sigv4.Claim {
	tb.Helper()
	return claimFor(tb, id, secret, region, at)
}

func claimFor(tb testing.TB, id, secret, region string, at time.Time) *sigv4.Claim {
	tb.Helper()
	req := &sigv4.Request{
		Method:      "GET",
		Path:        "/connections/a%2Fb%3D",
		Fields:      []sigv4.Field{{Name: "Host", Value: "localhost:8080"}},
		PayloadHash: sha256.Sum256(nil),
	}
	added, err := sigv4.Sign(req, sigv4.Credentials{AccessKeyID: id, Secret: secret}, region, "outposts", at)
	if err != nil {
		tb.Fatal(err)
	}
	req.Fields = append(req.Fields, added...)
	v := &sigv4.Verifier{
		Service: "outposts", Regions: []string{"us-west-2", "us-east-2"}, Hosts: []string{"localhost:8080"},
		Now: func() time.Time { return at },
	}
	claim, err := v.Parse(req)
	if err != nil {
		tb.Fatal(err)
	}
	return &claim
}

// signedBy is a claim rightly signed now with a key of the file.
func signedBy(tb testing.TB, id string) *sigv4.Claim {
	tb.Helper()
	return claimOf(tb, id, secretOf(id), time.Now())
}

func authenticate(tb testing.TB, r *keyring.Ring, id string) keyring.Principal {
	tb.Helper()
	p, err := r.Authenticate(signedBy(tb, id))
	if err != nil {
		tb.Fatalf("authenticate %s: %v", id, err)
	}
	return p
}
