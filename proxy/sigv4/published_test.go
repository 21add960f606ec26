package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/google/go-cmp/cmp"
)

// request is the case as it arrives before it is signed.
func (c *suiteCase) request() sigv4.Request {
	return sigv4.Request{
		Method: c.method, Path: c.path, Query: c.query,
		Fields:      append([]sigv4.Field{{"Host", suiteHost}}, c.fields...),
		PayloadHash: sha256.Sum256([]byte(c.body)),
	}
}

func (c *suiteCase) verifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Service: "service", Regions: []string{suiteRegion}, Hosts: []string{suiteHost},
		Now: func() time.Time { return time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC) },
		Profile: sigv4.Profile{
			NormalizePath: c.normalize, AnyTarget: true, RepeatedFields: true, SessionToken: true,
		},
	}
}

func (c *suiteCase) check(t *testing.T, req *sigv4.Request, form suiteForm) {
	t.Helper()
	body := sha256.Sum256([]byte(c.body))
	want := strings.Join([]string{
		c.method, c.uri, form.query, form.headers, form.signed, hex.EncodeToString(body[:]),
	}, "\n")
	got, err := sigv4.CanonicalRequest(req, form.signed, c.verifier().Profile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("canonical request (-want +got):\n%s", diff)
	}
	hash := sha256.Sum256([]byte(got))
	a := sigv4.Authorization{Date: suiteDate[:8], Region: suiteRegion, Service: "service"}
	wantString := "AWS4-HMAC-SHA256\n" + suiteDate + "\n20150830/us-east-1/service/aws4_request\n" + form.hash
	if diff := cmp.Diff(wantString, sigv4.StringToSign(suiteDate, a, hash)); diff != "" {
		t.Fatalf("string to sign (-want +got):\n%s", diff)
	}
	key := sigv4.DeriveKey(suiteSecret, a.Date, a.Region, a.Service)
	if got := sigv4.Signature(key, suiteDate, a, hash); got != form.signature {
		t.Fatalf("signature %s, want %s", got, form.signature)
	}
}

// headerSigned adds to the case what its signer adds, the Authorization field
// assembled from the published signature.
func (c *suiteCase) headerSigned() sigv4.Request {
	req := c.request()
	req.Fields = append(req.Fields, sigv4.Field{"X-Amz-Date", suiteDate})
	if c.token != "" {
		req.Fields = append(req.Fields, sigv4.Field{"X-Amz-Security-Token", c.token})
	}
	req.Fields = append(req.Fields, sigv4.Field{"Authorization", "AWS4-HMAC-SHA256 Credential=" + suiteID +
		"/20150830/us-east-1/service/aws4_request, SignedHeaders=" + c.header.signed + ", Signature=" + c.header.signature})
	return req
}

func TestPublishedHeaderForm(t *testing.T) {
	for _, c := range suite() {
		t.Run(c.name, func(t *testing.T) {
			req := c.headerSigned()
			c.check(t, &req, c.header)

			claim, err := c.verifier().Parse(&req)
			if err != nil {
				t.Fatal(err)
			}
			if !claim.Verify(sigv4.DeriveKey(suiteSecret, claim.Date, claim.Region, claim.Service)) {
				t.Error("the published signature is not accepted")
			}
			if claim.Verify(sigv4.DeriveKey(suiteSecret+"x", claim.Date, claim.Region, claim.Service)) {
				t.Error("another secret is accepted")
			}

			unsigned := c.request()
			added, err := sigv4.SignProfile(&unsigned, sigv4.Credentials{
				AccessKeyID: suiteID, Secret: suiteSecret, SessionToken: c.token,
			}, suiteRegion, "service", c.verifier())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(req.Fields[len(unsigned.Fields):], added); diff != "" {
				t.Errorf("fields that signing adds (-want +got):\n%s", diff)
			}
		})
	}
}

// The canonicaliser is right for the query form too; Parse never accepts it.
func TestPublishedQueryForm(t *testing.T) {
	for _, c := range suite() {
		t.Run(c.name, func(t *testing.T) {
			req := c.request()
			req.Fields = slices.DeleteFunc(req.Fields, func(f sigv4.Field) bool { return f.Name == "X-Amz-Content-Sha256" })
			parameters := suiteParams + "&X-Amz-SignedHeaders=" + strings.ReplaceAll(c.inQuery.signed, ";", "%3B")
			if c.token != "" {
				parameters += "&X-Amz-Security-Token=" + strings.NewReplacer("/", "%2F", "+", "%2B", "=", "%3D").Replace(c.token)
			}
			req.Query = strings.TrimPrefix(req.Query+"&"+parameters, "&")
			c.check(t, &req, c.inQuery)

			req.Query += "&X-Amz-Signature=" + c.inQuery.signature
			_, err := c.verifier().Parse(&req)
			wantRefusal(t, err, sigv4.ReasonPresigned)
		})
	}
}

// What the suite calls valid and the product does not take, with the reason;
// every other case passes the product's profile.
var refusedByProduct = map[string]sigv4.Reason{
	"get-header-key-duplicate":             sigv4.ReasonHeaders,
	"get-header-value-order":               sigv4.ReasonHeaders,
	"get-relative-normalized":              sigv4.ReasonTarget,
	"get-relative-relative-normalized":     sigv4.ReasonTarget,
	"get-relative-relative-unnormalized":   sigv4.ReasonTarget,
	"get-relative-unnormalized":            sigv4.ReasonTarget,
	"get-slash-dot-slash-normalized":       sigv4.ReasonTarget,
	"get-slash-dot-slash-unnormalized":     sigv4.ReasonTarget,
	"get-slash-normalized":                 sigv4.ReasonTarget,
	"get-slash-pointless-dot-normalized":   sigv4.ReasonTarget,
	"get-slash-pointless-dot-unnormalized": sigv4.ReasonTarget,
	"get-slash-unnormalized":               sigv4.ReasonTarget,
	"get-slashes-normalized":               sigv4.ReasonTarget,
	"get-slashes-unnormalized":             sigv4.ReasonTarget,
	"get-space-normalized":                 sigv4.ReasonTarget,
	"get-space-unnormalized":               sigv4.ReasonTarget,
	"get-utf8":                             sigv4.ReasonTarget,
	"get-vanilla-utf8-query":               sigv4.ReasonTarget,
	"get-vanilla-with-session-token":       sigv4.ReasonToken,
	"post-sts-header-before":               sigv4.ReasonToken,
}

func TestPublishedAgainstProductProfile(t *testing.T) {
	seen := 0
	for _, c := range suite() {
		t.Run(c.name, func(t *testing.T) {
			v := c.verifier()
			v.Profile = sigv4.Profile{}
			req := c.headerSigned()
			claim, err := v.Parse(&req)
			key := sigv4.DeriveKey(suiteSecret, suiteDate[:8], suiteRegion, "service")
			if reason, refused := refusedByProduct[c.name]; refused {
				seen++
				wantRefusal(t, err, reason)
				if claim.Verify(key) {
					t.Error("a refused claim verifies")
				}
				return
			}
			if err != nil || !claim.Verify(key) {
				t.Errorf("not accepted: %v", err)
			}
		})
	}
	if seen != len(refusedByProduct) {
		t.Errorf("%d of %d refusals belong to a case", seen, len(refusedByProduct))
	}
}

func wantRefusal(t *testing.T, err error, want sigv4.Reason) {
	t.Helper()
	refusal, ok := errors.AsType[*sigv4.Error](err)
	if !ok {
		t.Fatalf("error %v, want a refusal for %s", err, want)
	}
	if refusal.Reason != want {
		t.Fatalf("refused for %s (%v), want %s", refusal.Reason, refusal, want)
	}
}
