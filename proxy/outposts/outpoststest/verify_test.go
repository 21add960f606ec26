package outpoststest_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/aws/aws-sdk-go-v2/service/outposts/types"
	"github.com/aws/smithy-go"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// signed is a request for a connection whose signature is right until spoiled.
func signed(t *testing.T, sim *outpoststest.Server, service, region string, at time.Time) *http.Request {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, sim.URL+"/connections/aB%2B%2Fc9%3D%3D", nil)
	if err != nil {
		t.Fatal(err)
	}
	creds, err := sim.Credentials().Retrieve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, emptyHash, service, region, at); err != nil {
		t.Fatal(err)
	}
	return req
}

func TestRefusesWhatAWSRefuses(t *testing.T) {
	now := time.Date(2026, 11, 22, 22, 49, 49, 0, time.UTC)
	sim := start(t, outpoststest.Config{Now: func() time.Time { return now }})
	right := func(t *testing.T) *http.Request { return signed(t, sim, "outposts", "us-west-2", now) }
	edit := func(edit func(*http.Request)) func(*testing.T) *http.Request {
		return func(t *testing.T) *http.Request { r := right(t); edit(r); return r }
	}
	replace := func(old, new string) func(*testing.T) *http.Request {
		return edit(func(r *http.Request) {
			was := r.Header.Get("Authorization")
			r.Header.Set("Authorization", strings.Replace(was, old, new, 1))
			if r.Header.Get("Authorization") == was {
				panic("nothing replaced")
			}
		})
	}
	for _, test := range []struct {
		name    string
		request func(*testing.T) *http.Request
		status  int
		code    string
	}{
		{"right", right, 200, ""},
		{"no authorization", edit(func(r *http.Request) { r.Header.Del("Authorization") }), 403, "MissingAuthenticationTokenException"},
		{"two authorizations", edit(func(r *http.Request) { r.Header.Add("Authorization", "Bearer x") }), 403, "MissingAuthenticationTokenException"},
		{"other algorithm", replace("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512"), 403, "IncompleteSignatureException"},
		{"no signature", replace("Signature=", "Sig="), 403, "IncompleteSignatureException"},
		{"a part twice", replace("Signature=", "SignedHeaders="), 403, "IncompleteSignatureException"},
		{"six parts of scope", replace("/us-west-2/", "/us-west-2/x/"), 403, "IncompleteSignatureException"},
		{"other terminator", replace("aws4_request", "aws4_Request"), 403, "InvalidSignatureException"},
		{"other service in scope", replace("/outposts/", "/s3/"), 403, "InvalidSignatureException"},
		{"other key id", replace(outpoststest.DefaultAccessKeyID, "AKIAUNKNOWN"), 403, "UnrecognizedClientException"},
		{"list of headers unsorted", replace("host;x-amz-date", "x-amz-date;host"), 403, "InvalidSignatureException"},
		{"list names a header that is absent", replace("host;x-amz-date", "host;x-absent;x-amz-date"), 403, "InvalidSignatureException"},
		{"host not signed", replace("host;x-amz-date", "x-amz-date"), 403, "InvalidSignatureException"},
		{"date not signed", replace(";x-amz-date", ""), 403, "InvalidSignatureException"},
		{"other method", edit(func(r *http.Request) { r.Method = http.MethodPut }), 403, "InvalidSignatureException"},
		{"other path", edit(func(r *http.Request) { r.URL.Path, r.URL.RawPath = "/connections/other", "" }), 403, "InvalidSignatureException"},
		{"path in other escapes", edit(func(r *http.Request) { r.URL.RawPath = "/connections/aB%2b%2fc9%3d%3d" }), 403, "InvalidSignatureException"},
		{"a query", edit(func(r *http.Request) { r.URL.RawQuery = "a=b" }), 403, "InvalidSignatureException"},
		{"other host", edit(func(r *http.Request) { r.Host = "outposts.us-west-2.amazonaws.com" }), 403, "InvalidSignatureException"},
		{"a body", edit(func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("{}")), 2 }), 403, "InvalidSignatureException"},
		{"unsigned token", edit(func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "x") }), 403, "InvalidSignatureException"},
		{"unsigned target", edit(func(r *http.Request) { r.Header.Set("X-Amz-Target", "x") }), 403, "InvalidSignatureException"},
		{"unsigned harmless header", edit(func(r *http.Request) { r.Header.Set("X-Trace", "x") }), 200, ""},
		{"date moved within the window", edit(func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261122T224950Z") }), 403, "InvalidSignatureException"},
		{"date of another day", edit(func(r *http.Request) { r.Header.Set("X-Amz-Date", "20261121T224949Z") }), 403, "InvalidSignatureException"},
		{"region not served", func(t *testing.T) *http.Request { return signed(t, sim, "outposts", "us-east-2", now) }, 403, "InvalidSignatureException"},
		{"signed for STS", func(t *testing.T) *http.Request { return signed(t, sim, "sts", "us-west-2", now) }, 403, "InvalidSignatureException"},
		{"almost five minutes old", func(t *testing.T) *http.Request {
			return signed(t, sim, "outposts", "us-west-2", now.Add(-299*time.Second))
		}, 200, ""},
		{"more than five minutes old", func(t *testing.T) *http.Request {
			return signed(t, sim, "outposts", "us-west-2", now.Add(-301*time.Second))
		}, 403, "InvalidSignatureException"},
		{"more than five minutes ahead", func(t *testing.T) *http.Request {
			return signed(t, sim, "outposts", "us-west-2", now.Add(301*time.Second))
		}, 403, "InvalidSignatureException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			sim.Forget()
			status, code, body := do(t, test.request(t))
			if status != test.status || code != test.code {
				t.Errorf("got %d %q %s, want %d %q", status, code, body, test.status, test.code)
			}
			calls := sim.Calls()
			if len(calls) != 1 || calls[0].Status != test.status || calls[0].ErrorCode != test.code {
				t.Fatalf("recorded %+v", calls)
			}
			if refused := calls[0].Principal.ARN == ""; refused != (test.code != "") {
				t.Errorf("recorded principal %+v", calls[0].Principal)
			}
		})
	}
}

// do sends a request and checks what every answer must have.
func do(t *testing.T, req *http.Request) (status int, code string, body []byte) {
	t.Helper()
	resp, err := transport().RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if body, err = io.ReadAll(resp.Body); err != nil {
		t.Fatal(err)
	}
	if len(resp.Header.Get("x-amzn-RequestId")) != 36 || resp.Header.Get("Date") == "" || resp.Header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", resp.Header)
	}
	code = resp.Header.Get("x-amzn-ErrorType")
	var message struct{ Message string }
	if err := json.Unmarshal(body, &message); err != nil || code != "" && message.Message == "" {
		t.Errorf("body %s: %v", body, err)
	}
	return resp.StatusCode, code, body
}

// A body whose length the client signs, as Go's SDK does, and one whose length it
// does not, as the CLIs do, are both verified.
func TestVerifiesBodies(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	body := []byte(`{"AssetId":"asset1","ClientPublicKey":"` + publicKey + `","NetworkInterfaceDeviceIndex":0}`)
	sum := sha256.Sum256(body)
	post := func(signLength, sendHash bool, hash string) (int, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, sim.URL+"/connections", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		if sendHash {
			req.Header.Set("X-Amz-Content-Sha256", hash)
		}
		if !signLength {
			req.ContentLength = 0
		}
		creds, _ := sim.Credentials().Retrieve(t.Context())
		if err := v4.NewSigner().SignHTTP(t.Context(), creds, req, hash, "outposts", "us-west-2", time.Now()); err != nil {
			t.Fatal(err)
		}
		req.ContentLength = int64(len(body))
		status, code, _ := do(t, req)
		return status, code
	}
	hash := hex.EncodeToString(sum[:])
	for _, signLength := range []bool{true, false} {
		for _, sendHash := range []bool{true, false} {
			if status, code := post(signLength, sendHash, hash); status != 200 {
				t.Errorf("length signed %v, hash sent %v: %d %s", signLength, sendHash, status, code)
			}
		}
	}
	for _, wrong := range []string{emptyHash, "UNSIGNED-PAYLOAD"} {
		if status, code := post(true, true, wrong); status != 403 || code != "InvalidSignatureException" {
			t.Errorf("hash %s: %d %s", wrong, status, code)
		}
	}
}

func TestErrorsAreTyped(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	get := func(id string) error {
		_, err := newClient(sim).GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: &id})
		return err
	}
	if _, ok := errors.AsType[*types.NotFoundException](get("unknown")); !ok {
		t.Errorf("unknown id: %v", get("unknown"))
	}
	if _, ok := errors.AsType[*types.ValidationException](get("a b")); !ok {
		t.Errorf("malformed id: %v", get("a b"))
	}
	denial := outpoststest.Denial{ConnectionID: "aB+/c9=="}
	sim.Deny(denial)
	if _, ok := errors.AsType[*types.AccessDeniedException](get("aB+/c9==")); !ok {
		t.Errorf("denied id: %v", get("aB+/c9=="))
	}
	if err := get("a/b+="); err != nil {
		t.Errorf("an id that is not denied: %v", err)
	}
	sim.Permit(denial)
	if err := get("aB+/c9=="); err != nil {
		t.Errorf("permitted again: %v", err)
	}
	sim.Deny(outpoststest.Denial{PrincipalARN: "arn:aws:iam::123456789012:user/gatepost"})
	if _, ok := errors.AsType[*types.AccessDeniedException](get("aB+/c9==")); !ok {
		t.Errorf("denied principal: %v", get("aB+/c9=="))
	}
}

func TestRevokedAndChangedKeys(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	old := sim.Credentials()
	get := func(p aws.CredentialsProvider) string {
		_, err := newClient(sim, func(o *outposts.Options) { o.Credentials = p }).
			GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: new("aB+/c9==")})
		if err == nil {
			return ""
		}
		apiError, ok := errors.AsType[smithy.APIError](err)
		if !ok {
			t.Fatal(err)
		}
		return apiError.ErrorCode()
	}
	if code := get(old); code != "" {
		t.Errorf("before: %s", code)
	}
	sim.AddCredential(outpoststest.Credential{AccessKeyID: outpoststest.DefaultAccessKeyID, SecretAccessKey: "changed", UserName: "gatepost"})
	if code := get(old); code != "InvalidSignatureException" {
		t.Errorf("old secret: %s", code)
	}
	if code := get(sim.Credentials()); code != "" {
		t.Errorf("new secret: %s", code)
	}
	sim.Revoke(outpoststest.DefaultAccessKeyID)
	if code := get(sim.Credentials()); code != "UnrecognizedClientException" {
		t.Errorf("revoked: %s", code)
	}
	session := sim.IssueSession(outpoststest.DefaultRoleARN, "installer", "installer", time.Hour)
	if code := get(sim.CredentialsOf(session.AccessKeyID)); code != "" {
		t.Errorf("session: %s", code)
	}
	sim.Expire(session.AccessKeyID)
	if code := get(sim.CredentialsOf(session.AccessKeyID)); code != "ExpiredTokenException" {
		t.Errorf("expired session: %s", code)
	}
}
