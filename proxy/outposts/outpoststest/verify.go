package outpoststest

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

	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// refusal is an error of a service.
type refusal struct {
	status  int
	code    string
	message string
}

const amzDate = "20060102T150405Z"

// authenticate verifies the signature and fills in who made the call. The checks
// come in AWS's order; a nil refusal means that the call is the principal's.
//
// A client that signs User-Agent, Expect or X-Amzn-Trace-Id is refused: the SDK's
// signer never signs them, so it cannot repeat such a signature.
func (s *Simulator) authenticate(call *Call, r *http.Request, body []byte) *refusal {
	values := r.Header["Authorization"]
	if len(values) != 1 {
		return &refusal{403, "MissingAuthenticationTokenException", "Missing Authentication Token"}
	}
	claim, ok := parseAuthorization(values[0])
	if !ok {
		return &refusal{403, "IncompleteSignatureException", "Authorization header requires 'Credential', 'SignedHeaders' and 'Signature' parameters."}
	}
	call.AccessKeyID, call.Region = claim.accessKeyID, claim.region
	if claim.terminator != "aws4_request" || claim.service != call.Service {
		return &refusal{403, "InvalidSignatureException", "Credential should be scoped to correct service: '" + call.Service + "'."}
	}
	if !s.serves(call.Service, claim.region) {
		return &refusal{403, "InvalidSignatureException", "Credential should be scoped to a valid region."}
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(claim.signedHeaders, lower) {
			return &refusal{403, "InvalidSignatureException", "There were headers present in the request which were not signed"}
		}
	}
	dates := r.Header["X-Amz-Date"]
	if len(dates) != 1 {
		return &refusal{403, "IncompleteSignatureException", "Authorization header requires existence of a single 'X-Amz-Date' header."}
	}
	signed, err := time.Parse(amzDate, dates[0])
	if err != nil || signed.Format("20060102") != claim.date {
		return &refusal{403, "InvalidSignatureException", "Date in Credential scope does not match the request's date."}
	}

	s.mu.Lock()
	var known key
	if k := s.keys[claim.accessKeyID]; k != nil && !k.revoked {
		known = *k
	}
	s.mu.Unlock()
	if known.secret == "" || r.Header.Get("X-Amz-Security-Token") != known.token {
		return &refusal{403, "UnrecognizedClientException", "The security token included in the request is invalid."}
	}
	now := s.now()
	if !known.expires.IsZero() && !now.Before(known.expires) {
		return &refusal{403, "ExpiredTokenException", "The security token included in the request is expired"}
	}
	switch offset := now.Sub(signed); {
	case offset > s.skew:
		return &refusal{403, "InvalidSignatureException", fmt.Sprintf("Signature expired: %s is now earlier than %s (%s - %s.)",
			dates[0], now.Add(-s.skew).UTC().Format(amzDate), now.UTC().Format(amzDate), s.skew)}
	case offset < -s.skew:
		return &refusal{403, "InvalidSignatureException", fmt.Sprintf("Signature not yet current: %s is still later than %s (%s + %s.)",
			dates[0], now.Add(s.skew).UTC().Format(amzDate), now.UTC().Format(amzDate), s.skew)}
	}
	again, err := signAgain(r, body, &claim, &known, call.Service, signed)
	if err != nil || subtle.ConstantTimeCompare([]byte(again), []byte(claim.String())) != 1 {
		return &refusal{403, "InvalidSignatureException", "The request signature we calculated does not match the signature you provided. " +
			"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."}
	}
	call.Principal = known.principal
	return nil
}

func (s *Simulator) serves(service, region string) bool {
	return slices.Contains(s.regions, region) || service == ServiceSTS && region == "us-east-1"
}

// claim is a taken-apart Authorization header.
type claim struct {
	accessKeyID, date, region, service, terminator string
	signedHeaders                                  []string
	signature                                      string
}

func (c *claim) String() string {
	return "AWS4-HMAC-SHA256 Credential=" + strings.Join([]string{c.accessKeyID, c.date, c.region, c.service, c.terminator}, "/") +
		", SignedHeaders=" + strings.Join(c.signedHeaders, ";") + ", Signature=" + c.signature
}

func parseAuthorization(header string) (c claim, ok bool) {
	rest, ok := strings.CutPrefix(header, "AWS4-HMAC-SHA256 ")
	if !ok {
		return claim{}, false
	}
	parts := map[string]string{}
	for field := range strings.SplitSeq(rest, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		if _, twice := parts[name]; twice {
			return claim{}, false
		}
		parts[name] = value
	}
	scope := strings.Split(parts["Credential"], "/")
	if len(scope) != 5 || parts["SignedHeaders"] == "" || parts["Signature"] == "" || len(parts) != 3 {
		return claim{}, false
	}
	return claim{
		accessKeyID: scope[0], date: scope[1], region: scope[2], service: scope[3], terminator: scope[4],
		signedHeaders: strings.Split(parts["SignedHeaders"], ";"),
		signature:     parts["Signature"],
	}, true
}

// signAgain is the Authorization header that the SDK's signer makes for the
// request as it arrived, with the headers that the client said it signed.
//
// The signer takes every header that is there, so only those are copied; it signs
// the length whenever there is one, so there is one only when the client signed
// it; and it takes the path from Opaque without changing a byte. A signer caches
// keys by access key id alone, not by secret, so each request gets a new one.
func signAgain(r *http.Request, body []byte, c *claim, known *key, service string, at time.Time) (string, error) {
	path, query, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		return "", fmt.Errorf("target %q is not a path", path)
	}
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
	hash := hex.EncodeToString(sum[:])
	if claimed := r.Header.Get("X-Amz-Content-Sha256"); claimed != "" && claimed != hash {
		return "", fmt.Errorf("X-Amz-Content-Sha256 is not the body's")
	}
	err := v4.NewSigner().SignHTTP(r.Context(), known.credentials(), fresh, hash, service, c.region, at)
	return fresh.Header.Get("Authorization"), err
}
