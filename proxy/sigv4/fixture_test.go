package sigv4_test

import (
	"crypto/sha256"
	"slices"
	"strings"
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
	return claim.AccessKeyID == testID && claim.Verify(testKey()), err
}

// get is the smallest request that a client sends, before signing.
func get() sigv4.Request {
	return sigv4.Request{Method: "GET", Path: "/connections/abc", Fields: []sigv4.Field{{"Host", testHost}}}
}

// set replaces the value of a field.
func set(req *sigv4.Request, name, value string) {
	for i := range req.Fields {
		if req.Fields[i].Name == name {
			req.Fields[i].Value = value
		}
	}
}

func field(req *sigv4.Request, name string) string {
	for _, f := range req.Fields {
		if f.Name == name {
			return f.Value
		}
	}
	return ""
}

func drop(req *sigv4.Request, name string) {
	req.Fields = slices.DeleteFunc(req.Fields, func(f sigv4.Field) bool { return f.Name == name })
}

func add(req *sigv4.Request, name, value string) {
	req.Fields = append(req.Fields, sigv4.Field{name, value})
}

// edit replaces old by new in the Authorization field.
func edit(req *sigv4.Request, old, new string) {
	value := field(req, "Authorization")
	edited := strings.Replace(value, old, new, 1)
	if edited == value {
		panic("nothing to edit in " + value)
	}
	set(req, "Authorization", edited)
}
