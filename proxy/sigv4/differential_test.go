package sigv4_test

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"pgregory.net/rapid"
)

// AWS's own signer is the judge: what it signs is accepted, and what Sign signs
// for the same request is the same.
func TestAgreesWithSDK(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		req := unsignedRequest().Draw(t, "request")
		body := []byte(rapid.StringN(0, 20, -1).Draw(t, "body"))
		token := rapid.SampledFrom([]string{"", "", "FwoGZXIvYXdzE//////////wEaD+=="}).Draw(t, "token")
		req.PayloadHash = sha256.Sum256(body)

		wire := sdkSigned(t, &req, body, token)

		if len(body) > 0 {
			req.Fields = append(req.Fields, sigv4.Field{"Content-Length", strconv.Itoa(len(body))})
		}
		added, err := sigv4.Sign(&req, sigv4.Credentials{AccessKeyID: testID, Secret: testSecret, SessionToken: token}, testRegion, "outposts", testNow)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range added {
			if got := field(&wire, f.Name); got != f.Value {
				t.Fatalf("%s:\nhere %s\nSDK  %s", f.Name, f.Value, got)
			}
		}

		v := testVerifier()
		v.Profile.SessionToken = token != ""
		claim, err := v.Parse(&wire)
		if err != nil {
			t.Fatal(err)
		}
		if !claim.Verify(testKey()) {
			t.Fatal("what the SDK signed is not accepted")
		}
	})
}

// sdkSigned signs req by AWS's signer and returns what net/http writes to the
// connection.
func sdkSigned(t *rapid.T, req *sigv4.Request, body []byte, token string) sigv4.Request {
	t.Helper()
	target := "http://" + testHost + req.Path
	if req.Query != "" {
		target += "?" + req.Query
	}
	r, err := http.NewRequest(req.Method, target, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range req.Fields {
		if f.Name != "Host" {
			r.Header.Add(f.Name, f.Value)
		}
	}
	err = v4.NewSigner().SignHTTP(t.Context(), aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret, SessionToken: token},
		r, hex.EncodeToString(req.PayloadHash[:]), "outposts", testRegion, testNow)
	if err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if err := r.Write(&sent); err != nil {
		t.Fatal(err)
	}
	return parseWire(t, &sent)
}

// parseWire splits a request head into lines without interpreting any of it.
func parseWire(t *rapid.T, sent *bytes.Buffer) sigv4.Request {
	t.Helper()
	body := slices.Clone(sent.Bytes())
	body = body[bytes.Index(body, []byte("\r\n\r\n"))+4:]
	req := sigv4.Request{PayloadHash: sha256.Sum256(body)}
	lines := bufio.NewScanner(sent)
	lines.Scan()
	parts := strings.Split(lines.Text(), " ")
	if len(parts) != 3 {
		t.Fatalf("request line %q", lines.Text())
	}
	req.Method = parts[0]
	req.Path, req.Query, _ = strings.Cut(parts[1], "?")
	for lines.Scan() && lines.Text() != "" {
		name, value, _ := strings.Cut(lines.Text(), ":")
		req.Fields = append(req.Fields, sigv4.Field{name, strings.Trim(value, " \t")})
	}
	return req
}
