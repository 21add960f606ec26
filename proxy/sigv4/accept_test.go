package sigv4_test

import (
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

func TestSkew(t *testing.T) {
	for _, test := range []struct {
		name   string
		skew   time.Duration
		offset time.Duration
		want   bool
	}{
		{"now", 0, 0, true},
		{"default, old", 0, 5*time.Minute - time.Second, true},
		{"default, at the edge", 0, 5 * time.Minute, true},
		{"default, too old", 0, 5*time.Minute + time.Second, false},
		{"default, early", 0, -5*time.Minute + time.Second, true},
		{"default, too early", 0, -5*time.Minute - time.Second, false},
		{"narrow", time.Second, 2 * time.Second, false},
		{"widest", 15 * time.Minute, 15 * time.Minute, true},
		{"no wider", time.Hour, 15*time.Minute + time.Second, false},
		{"negative means default", -time.Hour, 5*time.Minute + time.Second, false},
		{"a century", 0, 100 * 365 * 24 * time.Hour, false},
		{"beyond a Duration", 0, -1 << 63, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := testVerifier()
			v.Skew = test.skew
			v.Now = func() time.Time { return testNow.Add(test.offset) }
			req := signed(get())
			ok, err := accepted(v, &req)
			if ok != test.want {
				t.Errorf("accepted %t, want %t (%v)", ok, test.want, err)
			}
			if !test.want {
				wantRefusal(t, err, sigv4.ReasonSkew)
			}
		})
	}
}

// What clients send beside the minimum must not be in their way.
func TestAccepted(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(before *sigv4.Request)
		after  func(*sigv4.Request)
	}{
		{"minimum", nil, nil},
		{"unsigned fields", nil, func(r *sigv4.Request) {
			add(r, "amz-sdk-invocation-id", "3b1bd5dd")
			add(r, "amz-sdk-request", "attempt=1")
			add(r, "Accept-Encoding", "identity")
			add(r, "Connection", "keep-alive")
			add(r, "X-Amzn-Trace-Id", "Root=1")
			add(r, "User-Agent", "a")
			add(r, "User-Agent", "b\x01")
			add(r, "X_Amz_Date", "x")
		}},
		{"signed extras", func(r *sigv4.Request) {
			r.Fields = append(r.Fields, sigv4.Field{"Accept-Encoding", "gzip"}, sigv4.Field{"Content-Length", "0"},
				sigv4.Field{"amz-sdk-request", "attempt=1; max=3"}, sigv4.Field{"x-amz-user-agent", "aws-sdk-js/3"},
				sigv4.Field{"x-amz-content-sha256", emptyHash})
		}, nil},
		{"no space after commas", nil, func(r *sigv4.Request) {
			set(r, "Authorization", strings.ReplaceAll(field(r, "Authorization"), ", ", ","))
		}},
		{"Host in another case", func(r *sigv4.Request) { set(r, "Host", "GatePost.Example") }, nil},
		{"second region and host", nil, func(r *sigv4.Request) {
			*r = get()
			set(r, "Host", "gatepost.example")
			*r = signed(*r)
		}},
		{"white space folded on the way", func(r *sigv4.Request) { add(r, "accept", " a   b\t") },
			func(r *sigv4.Request) { set(r, "accept", "a b") }},
		{"query", func(r *sigv4.Request) { r.Query = "NextToken=1%23%23a&MaxResults=5&MaxResults&a=" }, nil},
		{"query encoded and sorted otherwise", func(r *sigv4.Request) { r.Query = "b=%2f&a=2&a=1" },
			func(r *sigv4.Request) { r.Query = "a=1&a=2&%62=/" }},
		{"trailing slash", func(r *sigv4.Request) { r.Path = "/connections/" }, nil},
		{"root", func(r *sigv4.Request) { r.Path = "/" }, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := get()
			if test.change != nil {
				test.change(&req)
			}
			req = signed(req)
			if test.after != nil {
				test.after(&req)
			}
			v := testVerifier()
			claim, err := v.Parse(&req)
			if err != nil || !claim.Verify(testKey()) {
				t.Fatalf("not accepted: %v", err)
			}
			if claim.AccessKeyID != testID || claim.Region != testRegion || claim.Service != "outposts" || claim.Date != testDay || !claim.Time.Equal(testNow) {
				t.Errorf("claim is %v at %v", claim.Authorization, claim.Time)
			}
		})
	}
}

func TestZeroValues(t *testing.T) {
	req := signed(get())
	_, err := (&sigv4.Verifier{Now: testVerifier().Now}).Parse(&req)
	wantRefusal(t, err, sigv4.ReasonScope)

	v := testVerifier()
	v.Hosts = nil
	_, err = v.Parse(&req)
	wantRefusal(t, err, sigv4.ReasonHost)

	claim, err := testVerifier().Parse(&req)
	if err != nil {
		t.Fatal(err)
	}
	if claim.Verify(nil) {
		t.Error("no key at all verifies")
	}
	if new(sigv4.Claim).Verify(testKey()) {
		t.Error("an empty claim verifies")
	}
}

func TestSignRefuses(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*sigv4.Request)
	}{
		{"no Host", func(r *sigv4.Request) { drop(r, "Host") }},
		{"two Hosts", func(r *sigv4.Request) { add(r, "host", "x") }},
		{"signed already", func(r *sigv4.Request) { add(r, "Authorization", "x") }},
		{"date already", func(r *sigv4.Request) { add(r, "X-Amz-Date", testDate) }},
		{"name that is none", func(r *sigv4.Request) { add(r, "a b", "x") }},
		{"line break", func(r *sigv4.Request) { add(r, "a", "x\ny") }},
		{"broken query", func(r *sigv4.Request) { r.Query = "a=%" }},
		{"no path", func(r *sigv4.Request) { r.Path = "" }},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := get()
			test.change(&req)
			fields, err := sigv4.Sign(&req, testCredentials(), testRegion, "outposts", testNow)
			if err == nil {
				t.Errorf("signed: %v", fields)
			}
		})
	}
	req := get()
	add(&req, "X-Amz-Security-Token", "old")
	if _, err := sigv4.Sign(&req, sigv4.Credentials{SessionToken: "new"}, testRegion, "outposts", testNow); err == nil {
		t.Error("signed with two session tokens")
	}
}
