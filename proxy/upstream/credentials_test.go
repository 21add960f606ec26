package upstream_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// writeProfile puts keys into a shared credentials file.
func writeProfile(t *testing.T, name, profile, id, secret string) {
	t.Helper()
	if err := os.WriteFile(name, fmt.Appendf(nil, "[%s]\naws_access_key_id = %s\naws_secret_access_key = %s\n", profile, id, secret), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestProfile(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	file := filepath.Join(t.TempDir(), "credentials")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", file)
	writeProfile(t, file, "outposts", outpoststest.DefaultAccessKeyID, outpoststest.DefaultSecret)
	client := open(t, sim, func(c *upstream.Config) { c.Credentials, c.Profile = nil, "outposts" })
	answer, err := client.Do(t.Context(), getConnection())
	if err != nil || answer.Status != 200 || answer.Identity.AccessKeyID != outpoststest.DefaultAccessKeyID {
		t.Errorf("%+v, %v", answer, err)
	}
}

func TestEnvironment(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	session := sim.IssueSession(outpoststest.DefaultRoleARN, "installer", "", time.Hour)
	t.Setenv("AWS_ACCESS_KEY_ID", session.AccessKeyID)
	t.Setenv("AWS_SECRET_ACCESS_KEY", session.SecretAccessKey)
	t.Setenv("AWS_SESSION_TOKEN", session.SessionToken)
	client := open(t, sim, func(c *upstream.Config) { c.Credentials = nil })
	if answer, err := client.Do(t.Context(), getConnection()); err != nil || answer.Status != 200 {
		t.Errorf("%+v, %v", answer, err)
	}
	if p := sim.Calls()[0].Principal; p.ARN != session.Principal.ARN {
		t.Errorf("AWS saw %+v", p)
	}
}

// What leads callers to gatepost must not lead gatepost to itself.
func TestEndpointVariablesDoNotMoveCalls(t *testing.T) {
	t.Setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
	t.Setenv("AWS_ENDPOINT_URL_OUTPOSTS", "http://127.0.0.1:1")
	client := openConfig(t, upstream.Config{Regions: []string{"us-west-2"}, Credentials: staticCredentials()}, nil)
	if got := client.Endpoint("us-west-2"); got != "https://outposts.us-west-2.amazonaws.com" {
		t.Errorf("endpoint %s", got)
	}
	if got := client.Endpoint("us-east-1"); got != "" {
		t.Errorf("endpoint %q of a region that is not served", got)
	}
}

func TestNoCredentials(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := open(t, sim, func(c *upstream.Config) { c.Credentials = nil })
	_, err := client.Do(t.Context(), getConnection())
	e, ok := errors.AsType[*upstream.Error](err)
	if !ok || e.Class != audit.ErrorClassUpstreamCredentials || e.Sent || sim.Arrived() != 0 {
		t.Errorf("%v, %d requests arrived", err, sim.Arrived())
	}
	if status := client.Ready(t.Context()); status.OK || status.Reason == "" {
		t.Errorf("status %+v", status)
	}
}

// STS is asked who the base credentials are, wherever its address comes from, and
// not at all by a client of a simulator that has none.
func TestWhoTheBaseCredentialsAre(t *testing.T) {
	for _, test := range []struct {
		name  string
		set   func(*testing.T, *outpoststest.Server, *upstream.Config)
		asked bool
	}{
		{"configured", func(_ *testing.T, sim *outpoststest.Server, c *upstream.Config) { c.STSEndpoint = sim.STSURL }, true},
		{"AWS_ENDPOINT_URL_STS", func(t *testing.T, sim *outpoststest.Server, _ *upstream.Config) {
			t.Setenv("AWS_ENDPOINT_URL_STS", sim.STSURL)
		}, true},
		{"AWS_ENDPOINT_URL", func(t *testing.T, sim *outpoststest.Server, _ *upstream.Config) {
			t.Setenv("AWS_ENDPOINT_URL", sim.STSURL)
		}, true},
		{"nowhere", func(*testing.T, *outpoststest.Server, *upstream.Config) {}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim := start(t, outpoststest.Config{SeparateSTS: true})
			client := open(t, sim, func(c *upstream.Config) { test.set(t, sim, c) })
			if _, err := client.Do(t.Context(), getConnection()); err != nil {
				t.Fatal(err)
			}
			if !test.asked {
				client.Close() // whatever was begun in the background has ended
				if sim.Arrived() != 1 {
					t.Errorf("%d requests arrived", sim.Arrived())
				}
				return
			}
			eventually(t, "the ARN is known", func() bool {
				id, err := client.Identity(t.Context(), "p1")
				return err == nil && id.ARN == "arn:aws:iam::123456789012:user/gatepost" && id.Account == "123456789012"
			})
			answer, err := client.Do(t.Context(), getConnection())
			if err != nil || answer.Identity.ARN != "arn:aws:iam::123456789012:user/gatepost" {
				t.Errorf("%+v, %v", answer.Identity, err)
			}
			if n := len(sim.CallsOf("GetCallerIdentity")); n != 1 {
				t.Errorf("asked %d times", n)
			}
		})
	}
}

// A call does not wait for an STS that is down.
func TestCallsDoNotWaitForTheIdentity(t *testing.T) {
	sim := start(t, outpoststest.Config{SeparateSTS: true})
	sim.Script(outpoststest.Fault{When: outpoststest.ForSTS, Delay: time.Hour})
	client := open(t, sim, func(c *upstream.Config) { c.STSEndpoint = sim.STSURL })
	for range 3 {
		answer, err := client.Do(t.Context(), getConnection())
		if err != nil || answer.Status != 200 || answer.Identity.ARN != "" || answer.Identity.AccessKeyID == "" || answer.Identity.Partition != "aws" {
			t.Errorf("%+v, %v", answer, err)
		}
	}
}

// Nothing that could sign a call is in what errors and logs say.
func TestSecretsStayOut(t *testing.T) {
	sim := start(t, outpoststest.Config{SeparateSTS: true})
	var said strings.Builder
	for _, fault := range []outpoststest.Fault{{Status: 403, Code: "AccessDenied"}, {Damage: outpoststest.NotHTTP}, {Damage: outpoststest.ShortBody}} {
		fault.When = outpoststest.ForSTS
		fault.Times = -1
		sim.Heal()
		sim.Script(fault)
		client := open(t, sim, func(c *upstream.Config) {
			c.STSEndpoint = sim.STSURL
			c.AssumeRole = upstream.AssumeRole{RoleARN: outpoststest.DefaultRoleARN, PerPrincipal: true}
		})
		_, err := client.Do(t.Context(), getConnection())
		fmt.Fprintf(&said, "%v %+v %+v\n", err, err, client.Ready(t.Context()))
	}
	sessions := sim.Sessions()
	if len(sessions) == 0 {
		t.Fatal("no session was issued")
	}
	for _, s := range sessions {
		for _, secret := range []string{outpoststest.DefaultSecret, s.SecretAccessKey, s.SessionToken} {
			if strings.Contains(said.String(), secret) {
				t.Errorf("a secret in %s", said.String())
			}
		}
	}
}
