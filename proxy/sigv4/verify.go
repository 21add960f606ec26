package sigv4

import (
	"encoding/hex"
	"strings"
	"time"
)

const (
	// DefaultSkew is AWS's own window for nearly every service.
	DefaultSkew = 5 * time.Minute
	// MaxSkew is the widest window there is: a captured request can be sent
	// again for as long.
	MaxSkew = 15 * time.Minute
)

// Verifier holds what a signature must have been made for. Its zero value
// refuses everything. It must not be changed once in use.
type Verifier struct {
	// Service and Regions are what a credential's scope may name.
	Service string
	Regions []string
	// Hosts are the values that Host may have, with the port where a client
	// sends it. Letter case does not matter.
	Hosts []string
	// Skew is how far X-Amz-Date may be from now, either way: DefaultSkew if
	// zero or less, and never more than MaxSkew.
	Skew time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Profile admits forms that are refused otherwise. Leave it zero.
	Profile Profile
}

// Profile admits forms that Signature Version 4 allows and this package refuses
// by default. Each is there so that the published test suite can be run; none
// is meant for service.
type Profile struct {
	// NormalizePath removes dot segments and empty segments before hashing.
	NormalizePath bool
	// AnyTarget lets a path hold any byte and any segment, and a query any byte.
	AnyTarget bool
	// RepeatedFields lets a signed field occur several times, X-Amz-Date,
	// Host and X-Amz-Content-Sha256 excepted.
	RepeatedFields bool
	// SessionToken lets the request carry a signed X-Amz-Security-Token. The
	// token is not looked at.
	SessionToken bool
}

// Claim says that the owner of an access key signed a request. Everything in it
// that needs no secret has been checked; whether it is true, Verify tells.
type Claim struct {
	// Authorization is what the request says, with Date, Region and Service
	// checked.
	Authorization
	// Time is when the request says it was signed.
	Time time.Time

	amzDate     string
	requestHash [32]byte
}

// Verify reports whether the claim was signed with key, which must be of the
// claim's access key id, date, region and service. It takes the same time
// whatever the answer. A Claim that came with an error is never true.
func (c *Claim) Verify(key *SigningKey) bool {
	return c.amzDate != "" && key.matches(c.amzDate, &c.Authorization, &c.requestHash)
}

// Parse checks everything about the request's signature that can be checked
// without the secret. The error is always an *Error; the Claim beside it then
// holds what could be read of the Authorization field, unchecked, for a record
// of the refusal.
//
// Parse does not look whether the path means anything, nor at fields that need
// no signature: do not act on those, and do not send them on.
func (v *Verifier) Parse(req *Request) (Claim, error) {
	var c Claim
	if err := v.parse(&c, req); err != nil {
		return c, err
	}
	return c, nil
}

func (v *Verifier) parse(c *Claim, req *Request) *Error {
	if req.Query != "" && hasAmzParameter(req.Query) {
		return refuse(ReasonPresigned, "query has an X-Amz-* name")
	}
	s, err := survey(req)
	if err != nil {
		return err
	}
	if err := c.Authorization.parse(s.authorization); err != nil {
		return err
	}
	if err := checkTarget(req, v.Profile); err != nil {
		return err
	}
	if s.dates != 1 {
		return refuse(ReasonDate, "X-Amz-Date is not there exactly once")
	}
	t, ok := parseDate(s.date)
	if !ok {
		return refuse(ReasonDate, "X-Amz-Date is not YYYYMMDDTHHMMSSZ")
	}
	if err := v.checkScope(&c.Authorization, s.date); err != nil {
		return err
	}
	if err := v.checkFields(req, &s); err != nil {
		return err
	}
	hash, required, err := canonicalHash(req, c.SignedHeaders, v.Profile)
	if err != nil {
		return err
	}
	if required != s.required {
		return refuseHeader(ReasonUnsigned, firstUnsigned(req, c.SignedHeaders), "a field that must be signed is not")
	}
	// Last, so that a clock is blamed only if nothing else is wrong.
	if err := v.checkSkew(t); err != nil {
		return err
	}
	c.Time, c.amzDate, c.requestHash = t, s.date, hash
	return nil
}

// fieldSurvey is what one look at all fields finds.
type fieldSurvey struct {
	authorization, date, host, payload string
	dates, hosts, payloads, tokens     int
	required                           int // fields that mustSign names
	chunked                            bool
}

func survey(req *Request) (fieldSurvey, *Error) {
	var s fieldSurvey
	authorizations := 0
	for i := range req.Fields {
		f := &req.Fields[i]
		switch len(f.Name) {
		case len("host"):
			if isName(f.Name, "host") {
				s.host, s.hosts = f.Value, s.hosts+1
				s.required++
			}
		case len("content-type"):
			if isName(f.Name, "content-type") {
				s.required++
			}
		case len("authorization"):
			if isName(f.Name, "authorization") {
				s.authorization, authorizations = f.Value, authorizations+1
			}
		case len("content-encoding"):
			if isName(f.Name, "content-encoding") && strings.Contains(strings.ToLower(f.Value), "aws-chunked") {
				s.chunked = true
			}
		}
		if !isAmz(f.Name) {
			continue
		}
		s.required++
		switch {
		case isName(f.Name, "x-amz-date"):
			s.date, s.dates = f.Value, s.dates+1
		case isName(f.Name, "x-amz-content-sha256"):
			s.payload, s.payloads = f.Value, s.payloads+1
		case isName(f.Name, "x-amz-security-token"):
			s.tokens++
		case isName(f.Name, "x-amz-trailer"), isName(f.Name, "x-amz-decoded-content-length"):
			s.chunked = true
		}
	}
	switch {
	case authorizations == 0:
		return s, refuse(ReasonMissing, "no Authorization field")
	case authorizations > 1:
		return s, refuse(ReasonMalformed, "more than one Authorization field")
	}
	return s, nil
}

// checkScope also puts the configured strings in the place of the received
// ones, so that nothing but these reaches the string to sign.
func (v *Verifier) checkScope(a *Authorization, amzDate string) *Error {
	if a.Date != amzDate[:8] {
		return refuse(ReasonScope, "credential is for another date than X-Amz-Date")
	}
	if a.Service != v.Service {
		return refuse(ReasonScope, "credential is for another service")
	}
	a.Service = v.Service
	for _, region := range v.Regions {
		if a.Region == region {
			a.Region = region
			return nil
		}
	}
	return refuse(ReasonScope, "credential is for a region that is not served")
}

func (v *Verifier) checkFields(req *Request, s *fieldSurvey) *Error {
	if s.hosts != 1 {
		return refuse(ReasonHost, "Host is not there exactly once")
	}
	served := false
	for _, host := range v.Hosts {
		served = served || strings.EqualFold(s.host, host)
	}
	if !served {
		return refuse(ReasonHost, "Host is not a name of this endpoint")
	}
	if s.tokens > 0 && !v.Profile.SessionToken {
		return refuse(ReasonToken, "request has a session token")
	}
	if s.chunked {
		return refuse(ReasonPayload, "payload is sent in signed chunks")
	}
	switch {
	case s.payloads > 1:
		return refuse(ReasonPayload, "X-Amz-Content-Sha256 is repeated")
	case s.payloads == 1:
		var space [64]byte
		if s.payload != string(hex.AppendEncode(space[:0], req.PayloadHash[:])) {
			return refuse(ReasonPayload, "X-Amz-Content-Sha256 is not the hash of the body")
		}
	}
	return nil
}

func (v *Verifier) checkSkew(t time.Time) *Error {
	now := time.Now
	if v.Now != nil {
		now = v.Now
	}
	skew := v.Skew
	if skew <= 0 {
		skew = DefaultSkew
	}
	if now().Sub(t).Abs() > min(skew, MaxSkew) {
		return refuse(ReasonSkew, "X-Amz-Date is outside the accepted window")
	}
	return nil
}

// firstUnsigned names a field that must be signed and is not in the list.
func firstUnsigned(req *Request, signedHeaders string) string {
	for i := range req.Fields {
		if name := req.Fields[i].Name; mustSign(name) && !lists(signedHeaders, name) {
			return name
		}
	}
	return ""
}

func lists(signedHeaders, name string) bool {
	for signed := range strings.SplitSeq(signedHeaders, ";") {
		if isName(name, signed) {
			return true
		}
	}
	return false
}
