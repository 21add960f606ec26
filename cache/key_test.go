package cache_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// principalOf is a caller who signed a request with a key of a file.
func principalOf(t *testing.T, name string) keyring.Principal {
	t.Helper()
	const id, secret = "GPK7Q2M4X6ZB3N5C8V1L", "0123456789012345678901234567890123456789"
	path := filepath.Join(t.TempDir(), "keys.yaml")
	text := fmt.Sprintf("keys:\n  - {id: %s, secret: %q, principal: %q}\n", id, secret, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ring, err := keyring.Open(path, keyring.Options{Regions: []string{"us-west-2"}})
	if err != nil {
		t.Fatal(err)
	}
	req := &sigv4.Request{Method: "GET", Path: "/connections/x", PayloadHash: sha256.Sum256(nil),
		Fields: []sigv4.Field{{Name: "Host", Value: "localhost"}}}
	added, err := sigv4.Sign(req, sigv4.Credentials{AccessKeyID: id, Secret: secret}, "us-west-2", "outposts", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	req.Fields = append(req.Fields, added...)
	claim, err := (&sigv4.Verifier{Service: "outposts", Regions: []string{"us-west-2"}, Hosts: []string{"localhost"}}).Parse(req)
	if err != nil {
		t.Fatal(err)
	}
	p, err := ring.Authenticate(&claim)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestKeyAppliesTheScope(t *testing.T) {
	p := principalOf(t, "installer")
	u := cache.Upstream{Identity: "arn:role", Account: "123456789012", Partition: "aws", Region: "us-west-2", Endpoint: "https://x"}
	shared := cache.Key{
		Identity: "arn:role", Account: "123456789012", Partition: "aws", Region: "us-west-2", Endpoint: "https://x",
		Operation: "GetConnection", ID: "a/b",
	}
	own := shared
	own.Principal, own.Generation = "installer", p.Generation()
	for scope, want := range map[cache.Scope]cache.Key{cache.ScopePrincipal: own, cache.ScopeUpstream: shared} {
		c := newCache(t, func(config *cache.Config) { config.Scope = scope })
		if diff := cmp.Diff(want, c.Key(p, u, "GetConnection", "a/b")); diff != "" {
			t.Errorf("scope %s (-want +got):\n%s", scope, diff)
		}
	}
}

func TestKeyNeedsAPrincipal(t *testing.T) {
	for _, scope := range []cache.Scope{cache.ScopePrincipal, cache.ScopeUpstream} {
		c := newCache(t, func(config *cache.Config) { config.Scope = scope })
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("scope %s made a key for nobody", scope)
				}
			}()
			c.Key(keyring.Principal{}, cache.Upstream{}, "GetConnection", "x")
		}()
	}
}

// Every field of a key counts, those added later too.
func TestEveryFieldOfAKeyCounts(t *testing.T) {
	for _, mask := range []uint64{^uint64(0), 0} {
		c := newCache(t)
		c.MaskHashes(mask)
		k := keyOf("p", "id")
		mustPut(t, c, k)
		for i := range reflect.TypeFor[cache.Key]().NumField() {
			other := k
			switch f := reflect.ValueOf(&other).Elem().Field(i); f.Kind() {
			case reflect.String:
				f.SetString(f.String() + "x")
			case reflect.Uint64:
				f.SetUint(f.Uint() + 1)
			default:
				t.Fatalf("field of kind %s", f.Kind())
			}
			if has(c, other) {
				t.Errorf("mask %x: a key that differs in field %d is answered", mask, i)
			}
		}
		if !has(c, k) {
			t.Errorf("mask %x: the key itself is not answered", mask)
		}
	}
}

// Texts that run into each other when they are joined are different keys.
func TestFieldsDoNotRunTogether(t *testing.T) {
	c := newCache(t)
	a, b := keyOf("p", "a/b"), keyOf("p", "b")
	a.Operation, b.Operation = "GetConnection", "GetConnectiona/"
	mustPut(t, c, a)
	if has(c, b) {
		t.Error("answered")
	}
}
