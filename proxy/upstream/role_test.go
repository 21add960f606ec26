package upstream

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// handled is a transport to a handler in memory, so that the simulated AWS can
// live in a bubble of simulated time.
func handled(h http.Handler) roundTrip {
	return func(r *http.Request) (*http.Response, error) {
		var wire bytes.Buffer
		if err := r.Write(&wire); err != nil {
			return nil, err
		}
		in, err := http.ReadRequest(bufio.NewReader(&wire))
		if err != nil {
			return nil, err
		}
		in = in.WithContext(r.Context())
		out := httptest.NewRecorder()
		h.ServeHTTP(out, in)
		wire.Reset()
		if err := out.Result().Write(&wire); err != nil {
			return nil, err
		}
		return http.ReadResponse(bufio.NewReader(&wire), r)
	}
}

// withRole runs a test in a bubble with a client of a simulated AWS.
func withRole(t *testing.T, role AssumeRole, sim outpoststest.Config, edit func(*Config), test func(*testing.T, *Client, *outpoststest.Simulator)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		sim := outpoststest.New(sim)
		c := Config{
			Regions: []string{"us-west-2"}, Endpoint: "http://127.0.0.1:1", STSEndpoint: "http://127.0.0.1:1",
			Credentials: sim.Credentials(), AssumeRole: role, Timeout: DefaultTimeout, MaxInFlight: 64,
			Logger: slog.New(slog.DiscardHandler), Observer: nobody{},
		}
		if edit != nil {
			edit(&c)
		}
		endpoints, err := resolveEndpoints(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		sdk, err := loadSDK(t.Context(), &c)
		if err != nil {
			t.Fatal(err)
		}
		transport := handled(sim)
		client := newClient(c, endpoints, transport, newSigners(&c, sdk, endpoints, transport))
		defer client.Close()
		test(t, client, sim)
	})
}

var perPrincipal = AssumeRole{RoleARN: outpoststest.DefaultRoleARN, PerPrincipal: true}

func (c Call) by(principal string) Call {
	c.Principal = principal
	c.Path = "/connections/a%2Fb%2B%3D"
	return c
}

func TestASessionForEachPrincipal(t *testing.T) {
	withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		for principal, name := range map[string]string{"installer-fra1": "installer-fra1", "fra1/installer": sessionName("fra1/installer")} {
			sim.Forget()
			for range 3 {
				answer, err := client.Do(t.Context(), get.by(principal))
				if err != nil || answer.Status != 200 {
					t.Fatalf("%s: %d %s, %v", principal, answer.Status, answer.Body, err)
				}
				calls := sim.CallsOf("GetConnection")
				who := calls[len(calls)-1].Principal
				arn := "arn:aws:sts::123456789012:assumed-role/installer/" + name
				if who.ARN != arn || who.SessionName != name || who.SourceIdentity != name {
					t.Errorf("AWS saw %+v", who)
				}
				want := Identity{Account: "123456789012", ARN: arn, AccessKeyID: who.AccessKeyID, Partition: "aws", Expires: answer.Identity.Expires}
				if answer.Identity != want || time.Until(want.Expires) < 59*time.Minute {
					t.Errorf("identity %+v, want %+v", answer.Identity, want)
				}
				if id, err := client.Identity(t.Context(), principal); err != nil || id != want {
					t.Errorf("identity before a call %+v, %v", id, err)
				}
			}
			if n := len(sim.CallsOf("AssumeRole")); n != 1 {
				t.Errorf("%s: assumed %d times", principal, n)
			}
		}
		if n := len(sim.CallsOf("GetCallerIdentity")); n != 0 {
			t.Errorf("asked %d times who it is, though AssumeRole says it", n)
		}
	})
}

func TestOneRoleForAll(t *testing.T) {
	withRole(t, AssumeRole{RoleARN: outpoststest.DefaultRoleARN}, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		for _, principal := range []string{"a", "b", "c"} {
			if _, err := client.Do(t.Context(), get.by(principal)); err != nil {
				t.Fatal(err)
			}
		}
		assumed := sim.CallsOf("AssumeRole")
		if len(assumed) != 1 || assumed[0].Request["roleSessionName"] != "gatepost" || assumed[0].Request["sourceIdentity"] != nil {
			t.Errorf("assumed %+v", assumed)
		}
		if status := client.Ready(t.Context()); !status.OK || status.Identity.ARN != "arn:aws:sts::123456789012:assumed-role/installer/gatepost" {
			t.Errorf("status %+v", status)
		}
	})
}

// A burst of callers of one principal costs one AssumeRole.
func TestCallersShareAnAssumeRole(t *testing.T) {
	withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		sim.Script(outpoststest.Fault{When: outpoststest.ForSTS, Delay: time.Second})
		var group sync.WaitGroup
		for range 50 {
			group.Go(func() {
				if answer, err := client.Do(t.Context(), get.by("p1")); err != nil || answer.Status != 200 {
					t.Errorf("%d, %v", answer.Status, err)
				}
			})
		}
		group.Wait()
		if n := len(sim.CallsOf("AssumeRole")); n != 1 {
			t.Errorf("assumed %d times", n)
		}
	})
}

// Over hours of steady use the session is renewed before it ends: no call waits,
// none is refused.
func TestSessionsAreRenewedUnderUse(t *testing.T) {
	withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		begun := time.Now()
		for time.Since(begun) < 5*time.Hour {
			before := time.Now()
			answer, err := client.Do(t.Context(), get.by("p1"))
			if err != nil || answer.Status != 200 || time.Since(before) != 0 {
				t.Fatalf("after %v: %d %s, %v", time.Since(begun), answer.Status, answer.ErrorType, err)
			}
			time.Sleep(time.Minute)
		}
		if n := len(sim.CallsOf("AssumeRole")); n != 6 { // every 55 minutes
			t.Errorf("assumed %d times", n)
		}
	})
}

// A session that AWS does not accept any more costs one call, not all of them.
func TestRevokedSessionIsReplaced(t *testing.T) {
	for _, end := range []func(*outpoststest.Simulator, string){(*outpoststest.Simulator).Revoke, (*outpoststest.Simulator).Expire} {
		withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
			first, err := client.Do(t.Context(), get.by("p1"))
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Minute)
			end(sim, first.Identity.AccessKeyID)
			refused, err := client.Do(t.Context(), get.by("p1"))
			if err != nil || refused.Status != 403 || refused.Class != audit.ErrorClassAWSAuth || refused.Identity != first.Identity {
				t.Errorf("%+v, %v", refused, err)
			}
			next, err := client.Do(t.Context(), get.by("p1"))
			if err != nil || next.Status != 200 || next.Identity.AccessKeyID == first.Identity.AccessKeyID {
				t.Errorf("%+v, %v", next, err)
			}
		})
	}
}

// An AWS that refuses every signature is not answered with an AssumeRole each.
func TestRefusalsDoNotStormSTS(t *testing.T) {
	withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		sim.Script(outpoststest.Fault{Status: 403, Code: "ExpiredTokenException", Times: -1})
		begun := time.Now()
		for time.Since(begun) < time.Minute {
			if _, err := client.Do(t.Context(), get.by("p1")); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if n := len(sim.CallsOf("AssumeRole")); n < 2 || n > 7 {
			t.Errorf("assumed %d times in a minute", n)
		}
	})
}

func TestAssumeRoleDenied(t *testing.T) {
	withRole(t, perPrincipal, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		denial := outpoststest.Denial{Operation: "AssumeRole"}
		sim.Deny(denial)
		if status := client.Ready(t.Context()); !status.OK {
			t.Errorf("not ready before anybody called: %+v", status)
		}
		for range 100 {
			_, err := client.Do(t.Context(), get.by("p1"))
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Class != audit.ErrorClassUpstreamCredentials || e.Sent || len(e.Attempts) != 0 {
				t.Fatalf("error %+v", err)
			}
			if _, err := client.Identity(t.Context(), "p1"); err == nil {
				t.Fatal("an identity without credentials")
			}
		}
		if n := len(sim.CallsOf("AssumeRole")); n != 1 {
			t.Errorf("assumed %d times", n)
		}
		if status := client.Ready(t.Context()); status.OK || !strings.Contains(status.Reason, "AccessDenied") {
			t.Errorf("status %+v", status)
		}
		sim.Permit(denial)
		if answer, err := client.Do(t.Context(), get.by("p2")); err != nil || answer.Status != 200 {
			t.Errorf("another principal: %d, %v", answer.Status, err)
		}
		if status := client.Ready(t.Context()); !status.OK {
			t.Errorf("not ready though some calls are: %+v", status)
		}
		time.Sleep(shortestBackoff)
		if answer, err := client.Do(t.Context(), get.by("p1")); err != nil || answer.Status != 200 {
			t.Errorf("permitted again: %d, %v", answer.Status, err)
		}
	})
}

// A base key that STS does not accept is looked up anew.
func TestBaseKeyThatSTSRefuses(t *testing.T) {
	keys := &rotating{}
	withRole(t, perPrincipal, outpoststest.Config{}, func(c *Config) { keys.current = c.Credentials; c.Credentials = keys }, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		if _, err := client.Do(t.Context(), get.by("p1")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		sim.AddCredential(outpoststest.Credential{AccessKeyID: "AKIANEW", SecretAccessKey: "new", UserName: "gatepost"})
		sim.Revoke(outpoststest.DefaultAccessKeyID)
		keys.current = sim.CredentialsOf("AKIANEW")
		if _, err := client.Do(t.Context(), get.by("p2")); err == nil {
			t.Error("a session from a key that does not exist")
		}
		time.Sleep(shortestBackoff)
		if answer, err := client.Do(t.Context(), get.by("p2")); err != nil || answer.Status != 200 {
			t.Errorf("%d, %v", answer.Status, err)
		}
	})
}

// Base keys that were rotated behind our back cost one call.
func TestRotatedBaseKey(t *testing.T) {
	keys := &rotating{}
	withRole(t, AssumeRole{}, outpoststest.Config{}, func(c *Config) { keys.current = c.Credentials; c.Credentials = keys }, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		if _, err := client.Do(t.Context(), get.by("p1")); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if id, err := client.Identity(t.Context(), "p1"); err != nil || id.ARN != "arn:aws:iam::123456789012:user/gatepost" || id.Account != "123456789012" {
			t.Errorf("identity %+v, %v", id, err)
		}
		time.Sleep(time.Minute)
		sim.AddCredential(outpoststest.Credential{AccessKeyID: "AKIANEW", SecretAccessKey: "new", UserName: "other"})
		sim.Revoke(outpoststest.DefaultAccessKeyID)
		keys.current = sim.CredentialsOf("AKIANEW")
		for _, want := range []int{403, 200, 200} {
			answer, err := client.Do(t.Context(), get.by("p1"))
			if err != nil || answer.Status != want {
				t.Errorf("%d, %v; want %d", answer.Status, err, want)
			}
			synctest.Wait()
		}
		if id, err := client.Identity(t.Context(), "p1"); err != nil || id.ARN != "arn:aws:iam::123456789012:user/other" || id.AccessKeyID != "AKIANEW" {
			t.Errorf("identity %+v, %v", id, err)
		}
	})
}

// When the base credentials end and nothing replaces them, calls end too.
func TestBaseCredentialsExpire(t *testing.T) {
	keys := &rotating{}
	withRole(t, AssumeRole{}, outpoststest.Config{}, func(c *Config) { c.Credentials = keys }, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
		session := sim.IssueSession(outpoststest.DefaultRoleARN, "instance", "", time.Hour)
		keys.current, keys.expires = sim.CredentialsOf(session.AccessKeyID), session.Expires
		id, err := client.Identity(t.Context(), "p1")
		if err != nil || !id.Expires.Equal(session.Expires) {
			t.Errorf("identity %+v, %v", id, err)
		}
		keys.err = errors.New("metadata service is down")
		time.Sleep(time.Hour - time.Second)
		if answer, err := client.Do(t.Context(), get.by("p1")); err != nil || answer.Status != 200 {
			t.Errorf("a second before the end: %d, %v", answer.Status, err)
		}
		synctest.Wait()
		time.Sleep(time.Second)
		_, err = client.Do(t.Context(), get.by("p1"))
		if e, ok := errors.AsType[*Error](err); !ok || e.Class != audit.ErrorClassUpstreamCredentials {
			t.Errorf("after the end: %v", err)
		}
		if status := client.Ready(t.Context()); status.OK || !strings.Contains(status.Reason, "down") {
			t.Errorf("status %+v", status)
		}
	})
}

// Every session that calls can be signed with is bounded by what AWS said, and
// the observer hears of the one that all hang on.
func TestObserverHearsOfExpiry(t *testing.T) {
	for _, test := range []struct {
		role  AssumeRole
		never bool
	}{{AssumeRole{}, true}, {perPrincipal, true}, {AssumeRole{RoleARN: outpoststest.DefaultRoleARN}, false}} {
		watch := &expiries{}
		withRole(t, test.role, outpoststest.Config{}, func(c *Config) { c.Observer = watch }, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
			if _, err := client.Do(t.Context(), get.by("p1")); err != nil {
				t.Fatal(err)
			}
			synctest.Wait()
			if len(watch.at) != 1 || watch.at[0].IsZero() != test.never {
				t.Errorf("%+v: heard of %v", test.role, watch.at)
			}
		})
	}
}

type expiries struct {
	nobody
	at []time.Time
}

func (e *expiries) CredentialsExpiry(at time.Time) { e.at = append(e.at, at) }

// rotating is a source of base credentials that changes.
type rotating struct {
	current aws.CredentialsProvider
	expires time.Time // zero: never
	err     error
}

func (r *rotating) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if r.err != nil {
		return aws.Credentials{}, r.err
	}
	creds, err := r.current.Retrieve(ctx)
	creds.CanExpire, creds.Expires = !r.expires.IsZero(), r.expires
	return creds, err
}
