package upstream

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// Keys that an operator rotates in the credentials file are seen without a
// restart.
func TestRotatedCredentialsFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	write := func(id, secret string) {
		if err := os.WriteFile(file, fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", id, secret), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(outpoststest.DefaultAccessKeyID, outpoststest.DefaultSecret)
	withRole(t, AssumeRole{}, outpoststest.Config{}, func(c *Config) { c.Credentials = nil }, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		if answer, err := client.Do(t.Context(), get.by("p1")); err != nil || answer.Status != 200 {
			t.Fatalf("%d, %v", answer.Status, err)
		}
		time.Sleep(time.Minute)
		sim.AddCredential(outpoststest.Credential{AccessKeyID: "AKIANEW", SecretAccessKey: "new", UserName: "gatepost"})
		sim.Revoke(outpoststest.DefaultAccessKeyID)
		write("AKIANEW", "new")
		for _, want := range []int{403, 200} {
			if answer, err := client.Do(t.Context(), get.by("p1")); err != nil || answer.Status != want {
				t.Errorf("%d, %v; want %d", answer.Status, err, want)
			}
		}
		synctest.Wait()
	})
}

// A hit asks for the identity that a miss would have: it must cost next to
// nothing.
func TestIdentityAllocatesNothing(t *testing.T) {
	for _, role := range []AssumeRole{{}, perPrincipal} {
		withRole(t, role, outpoststest.Config{}, nil, func(t *testing.T, client *Client, _ *outpoststest.Simulator) {
			if _, err := client.Identity(t.Context(), "p1"); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if n := testing.AllocsPerRun(100, func() { client.Identity(t.Context(), "p1") }); n != 0 {
				t.Errorf("%+v: %v allocations", role, n)
			}
		})
	}
}

func BenchmarkIdentity(b *testing.B) {
	sim, err := outpoststest.Start(outpoststest.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	client, err := New(b.Context(), Config{
		Regions: []string{"us-west-2"}, Endpoint: sim.URL, STSEndpoint: sim.STSURL, Credentials: sim.Credentials(), AssumeRole: perPrincipal,
	})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Identity(b.Context(), "p1"); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkDo(b *testing.B) {
	sim, err := outpoststest.Start(outpoststest.Config{})
	if err != nil {
		b.Fatal(err)
	}
	defer sim.Close()
	client, err := New(b.Context(), Config{Regions: []string{"us-west-2"}, Endpoint: sim.URL, Credentials: sim.Credentials()})
	if err != nil {
		b.Fatal(err)
	}
	defer client.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := client.Do(b.Context(), get.by("p1")); err != nil {
			b.Fatal(err)
		}
	}
}
