package sigv4_test

import (
	"crypto/sha256"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

const (
	testID     = "GPK7Q2M4X6ZB3N5C8V1L"
	testSecret = "q3FbqY0pXG4oUsSbkPSkAW8FmWhHnPzmGXU1ZVqD"
	testRegion = "us-west-2"
	testHost   = "127.0.0.1:8080"
	testDay    = "20261122"
	testDate   = "20261122T224949Z"
)

var testNow = time.Date(2026, 11, 22, 22, 49, 49, 0, time.UTC)

func testCredentials() sigv4.Credentials {
	return sigv4.Credentials{AccessKeyID: testID, Secret: testSecret}
}

func testKey() *sigv4.SigningKey {
	return sigv4.DeriveKey(testSecret, testDay, testRegion, "outposts")
}

func testVerifier() *sigv4.Verifier {
	return &sigv4.Verifier{
		Service: "outposts", Regions: []string{testRegion, "eu-west-1"},
		Hosts: []string{"gatepost.example", testHost},
		Now:   func() time.Time { return testNow },
	}
}

// signed signs req as of testNow for testRegion. A zero PayloadHash stands for
// an empty body.
func signed(req sigv4.Request) sigv4.Request {
	if req.PayloadHash == [32]byte{} {
		req.PayloadHash = sha256.Sum256(nil)
	}
	added, err := sigv4.Sign(&req, testCredentials(), testRegion, "outposts", testNow)
	if err != nil {
		panic(err)
	}
	req.Fields = slices.Concat(req.Fields, added)
	return req
}

// accepted reports whether the request passes the product's verifier with the
// one key there is. The key id is not part of what is signed: it is the look-up
// that ties it to the secret.
func accepted(v *sigv4.Verifier, req *sigv4.Request) (bool, error) {
	claim, err := v.Parse(req)
	key := sigv4.DummyKey()
	if claim.AccessKeyID == testID {
		key = testKey()
	}
	return claim.Verify(key), err
}
