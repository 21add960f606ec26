package sigv4_test

import (
	"strings"
	"sync"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// One key serves all callers of its secret at once.
func TestKeyIsShared(t *testing.T) {
	key, v := testKey(), testVerifier()
	right := signed(get())
	other := get()
	other.Path = "/connections/other"
	wrong := signed(other)
	wrong.Path = right.Path
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 200 {
				for _, test := range []struct {
					req  *sigv4.Request
					want bool
				}{{&right, true}, {&wrong, false}} {
					claim, err := v.Parse(test.req)
					if err != nil || claim.Verify(key) != test.want {
						t.Errorf("claim is not %t: %v", test.want, err)
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

// A key is good for its own secret, date, region and service alone.
func TestKeyScope(t *testing.T) {
	req := signed(get())
	claim, err := testVerifier().Parse(&req)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]*sigv4.SigningKey{
		"secret":  sigv4.DeriveKey(testSecret+"0", testDay, testRegion, "outposts"),
		"date":    sigv4.DeriveKey(testSecret, "20261123", testRegion, "outposts"),
		"region":  sigv4.DeriveKey(testSecret, testDay, "eu-west-1", "outposts"),
		"service": sigv4.DeriveKey(testSecret, testDay, testRegion, "s3"),
	} {
		if claim.Verify(key) {
			t.Errorf("a key of another %s verifies", name)
		}
	}
	if !claim.Verify(testKey()) {
		t.Error("its own key does not verify")
	}
}

// The claim beside an error is false even to somebody who knows what of it was
// left empty and signed just that.
func TestRefusedClaimIsFalse(t *testing.T) {
	req := signed(get())
	claim, err := testVerifier().Parse(&req)
	if err != nil {
		t.Fatal(err)
	}
	signature := sigv4.Signature(testKey(), "", claim.Authorization, [32]byte{})
	head, _, _ := strings.Cut(field(&req, "Authorization"), "Signature=")
	set(&req, "Authorization", head+"Signature="+signature)
	drop(&req, "X-Amz-Date")
	claim, err = testVerifier().Parse(&req)
	if err == nil || claim.Verify(testKey()) {
		t.Errorf("a refused claim verifies (%v)", err)
	}
}

func TestParseAuthorizationRefuses(t *testing.T) {
	for _, test := range []struct{ name, credential string }{
		{"empty region", "A/20261122//outposts/aws4_request"},
		{"empty service", "A/20261122/us-west-2//aws4_request"},
		{"empty date", "A//us-west-2/outposts/aws4_request"},
		{"date of nine", "A/202611221/us-west-2/outposts/aws4_request"},
		{"empty terminator", "A/20261122/us-west-2/outposts/"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := sigv4.ParseAuthorization("AWS4-HMAC-SHA256 Credential=" + test.credential + ", SignedHeaders=host, Signature=" + emptyHash)
			wantRefusal(t, err, sigv4.ReasonScope)
		})
	}
}

// Fields that a hop may change are sent and not signed.
func TestSignLeavesHopFields(t *testing.T) {
	req := get()
	for _, name := range []string{"Connection", "Expect", "Keep-Alive", "Proxy-Authorization", "TE", "Trailer", "Transfer-Encoding", "Upgrade", "User-Agent", "X-Amzn-Trace-Id"} {
		add(&req, name, "x")
	}
	req = signed(req)
	a, err := sigv4.ParseAuthorization(field(&req, "Authorization"))
	if err != nil || a.SignedHeaders != "host;x-amz-date" {
		t.Errorf("signed %q (%v)", a.SignedHeaders, err)
	}
}
