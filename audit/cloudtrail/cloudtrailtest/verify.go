package cloudtrailtest

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// service is CloudTrail's name in the credential scope.
const service = "cloudtrail"

const (
	amzDate = "20060102T150405Z"
	skew    = 5 * time.Minute
)

// refusal is an error of the service.
type refusal struct {
	status  int
	code    string
	message string
}

func refuse(code, format string, args ...any) *refusal {
	return &refusal{http.StatusBadRequest, code, fmt.Sprintf(format, args...)}
}

// authenticate verifies the signature of a request and fills in whose it is. It
// signs the request again with the signer of AWS's SDK, and compares.
func (s *Simulator) authenticate(q *Request, r *http.Request, body []byte) *refusal {
	authorization := r.Header["Authorization"]
	if len(authorization) != 1 {
		return refuse("MissingAuthenticationTokenException", "Missing Authentication Token")
	}
	c, ok := parseClaim(authorization[0])
	if !ok {
		return refuse("IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters.")
	}
	q.AccessKeyID, q.Region = c.accessKeyID, c.region
	if c.service != service || !slices.Contains(s.regions, c.region) {
		return refuse("InvalidSignatureException", "Credential should be scoped to a valid region and to correct service: '%s'.", service)
	}
	signed, err := time.Parse(amzDate, r.Header.Get("X-Amz-Date"))
	if err != nil || signed.Format("20060102") != c.date {
		return refuse("InvalidSignatureException", "Date in Credential scope does not match the request's date.")
	}
	credentials, ok := s.credentials(c.accessKeyID)
	if !ok || credentials.SessionToken != r.Header.Get("X-Amz-Security-Token") {
		return refuse("UnrecognizedClientException", "The security token included in the request is invalid.")
	}
	if offset := s.now().Sub(signed); offset > skew || offset < -skew {
		return refuse("InvalidSignatureException", "Signature expired: %s is not within %s of %s", r.Header.Get("X-Amz-Date"), skew, s.now().UTC().Format(amzDate))
	}
	again, err := signAgain(r, body, &c, credentials, signed)
	if err != nil || subtle.ConstantTimeCompare([]byte(again), []byte(c.signature)) != 1 {
		return refuse("InvalidSignatureException", "The request signature we calculated does not match the signature you provided.")
	}
	return nil
}

// claim is a taken-apart Authorization header.
type claim struct {
	accessKeyID, date, region, service string
	signedHeaders                      []string
	signature                          string
}

func parseClaim(header string) (claim, bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return claim{}, false
	}
	parts := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || scope[4] != "aws4_request" || parts["SignedHeaders"] == "" || parts["Signature"] == "" {
		return claim{}, false
	}
	return claim{scope[0], scope[1], scope[2], scope[3], strings.Split(parts["SignedHeaders"], ";"), parts["Signature"]}, true
}

// signAgain is the signature that the SDK's signer makes for the request as it
// arrived, with the headers that the client said it signed: the signer takes
// every header that is there, and the length whenever there is one. A signer
// caches keys by access key id alone, so each request gets a new one.
func signAgain(r *http.Request, body []byte, c *claim, credentials aws.Credentials, at time.Time) (string, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	fresh := &http.Request{
		Method: r.Method,
		URL:    &url.URL{Scheme: "http", Host: r.Host, Opaque: "//" + r.Host + path, RawQuery: query},
		Host:   r.Host,
		Header: http.Header{},
	}
	for _, name := range c.signedHeaders {
		switch name {
		case "host":
		case "content-length":
			fresh.ContentLength = int64(len(body))
		default:
			values := r.Header.Values(name)
			if len(values) == 0 {
				return "", fmt.Errorf("signed header %q is absent", name)
			}
			fresh.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(r.Context(), credentials, fresh, hex.EncodeToString(sum[:]), service, c.region, at); err != nil {
		return "", err
	}
	again, _ := parseClaim(fresh.Header.Get("Authorization"))
	if !slices.Equal(again.signedHeaders, c.signedHeaders) {
		return "", fmt.Errorf("signed headers %q", c.signedHeaders)
	}
	return again.signature, nil
}
