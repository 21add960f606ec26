package sigv4

import (
	"encoding/hex"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"time"
)

// Credentials are what a request is signed with. They show themselves as
// REDACTED.
type Credentials struct {
	AccessKeyID  string
	Secret       string
	SessionToken string // "" if the secret is not a temporary one
}

func (Credentials) String() string       { return redacted }
func (Credentials) GoString() string     { return redacted }
func (Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// Sign returns the fields to add to req so that it is signed as of now:
// X-Amz-Date, X-Amz-Security-Token if there is one, and Authorization. It signs
// every field of req but those that a hop on the way may change. It signs the
// path as it is; whether a verifier would take that path is not its business.
//
// Send exactly what was signed: same path, query, fields and body.
func Sign(req *Request, c Credentials, region, service string, now time.Time) ([]Field, error) {
	return sign(req, c, region, service, now, Profile{AnyTarget: true, RepeatedFields: true, SessionToken: true})
}

func sign(req *Request, c Credentials, region, service string, now time.Time, p Profile) ([]Field, error) {
	amzDate := now.UTC().Format(dateLayout)
	added := []Field{{"X-Amz-Date", amzDate}}
	if c.SessionToken != "" {
		added = append(added, Field{"X-Amz-Security-Token", c.SessionToken})
	}
	signed := *req
	signed.Fields = slices.Concat(req.Fields, added)
	names, err := namesToSign(&signed)
	if err != nil {
		return nil, err
	}
	if err := checkTarget(&signed, p); err != nil {
		return nil, err
	}
	a := Authorization{AccessKeyID: c.AccessKeyID, Date: amzDate[:8], Region: region, Service: service, SignedHeaders: names}
	hash, _, refusal := canonicalHash(&signed, names, p)
	if refusal != nil {
		return nil, refusal
	}
	a.Signature = DeriveKey(c.Secret, a.Date, region, service).sign(amzDate, &a, &hash)
	return append(added, Field{"Authorization", a.field()}), nil
}

// field renders the value of an Authorization field.
func (a *Authorization) field() string {
	b := append([]byte(algorithm), " Credential="...)
	b = append(b, a.AccessKeyID...)
	b = appendScope(append(b, '/'), a)
	b = append(b, ", SignedHeaders="...)
	b = append(b, a.SignedHeaders...)
	b = append(b, ", Signature="...)
	return string(hex.AppendEncode(b, a.Signature[:]))
}

// namesToSign returns the SignedHeaders list for all of req's fields.
func namesToSign(req *Request) (string, error) {
	hosts, dates, tokens := 0, 0, 0
	var names []string
	for _, f := range req.Fields {
		name := strings.ToLower(f.Name)
		switch name {
		case "authorization":
			return "", errors.New("sign request: it has an Authorization field already")
		case "connection", "expect", "keep-alive", "proxy-authorization", "te", "trailer",
			"transfer-encoding", "upgrade", "user-agent", "x-amzn-trace-id":
			continue
		case "host":
			hosts++
		case "x-amz-date":
			dates++
		case "x-amz-security-token":
			tokens++
		}
		names = append(names, name)
	}
	if hosts != 1 || dates != 1 || tokens > 1 {
		return "", errors.New("sign request: it has no Host, or a field that only signing may add")
	}
	slices.Sort(names)
	list := strings.Join(slices.Compact(names), ";")
	if err := checkSignedHeaders(list); err != nil {
		return "", err
	}
	return list, nil
}
