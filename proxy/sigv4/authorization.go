package sigv4

import "strings"

const (
	algorithm  = "AWS4-HMAC-SHA256"
	terminator = "aws4_request"

	// maxAccessKeyID is the longest access key id that AWS documents.
	maxAccessKeyID = 128
)

// Authorization is the content of an Authorization field: what the sender says,
// not yet believed.
type Authorization struct {
	AccessKeyID string // 1 to 128 letters, digits and underscores
	// Date (YYYYMMDD), Region and Service are the credential's scope.
	Date, Region, Service string
	// SignedHeaders is the list as sent: lower-case names, strictly ascending,
	// separated by ';'.
	SignedHeaders string
	Signature     [32]byte
}

// String is the credential, for logs: neither the signature nor what it covers.
func (a Authorization) String() string {
	return string(appendScope(append([]byte(a.AccessKeyID), '/'), &a))
}

func (a Authorization) GoString() string { return a.String() }

// ParseAuthorization reads the value of an Authorization field. It accepts the
// one form that AWS's clients send:
//
//	AWS4-HMAC-SHA256 Credential=ID/DATE/REGION/SERVICE/aws4_request, SignedHeaders=a;b, Signature=HEX
//
// with or without the space after a comma. An error is an *Error; what could be
// read before it is returned all the same.
func ParseAuthorization(value string) (Authorization, error) {
	var a Authorization
	if err := a.parse(value); err != nil {
		return a, err
	}
	return a, nil
}

func (a *Authorization) parse(value string) *Error {
	rest, ok := strings.CutPrefix(value, algorithm)
	if !ok || rest != "" && rest[0] != ' ' {
		return refuse(ReasonAlgorithm, "Authorization is not "+algorithm)
	}
	rest, ok = strings.CutPrefix(rest, " Credential=")
	if !ok {
		return refuse(ReasonMalformed, "Authorization does not begin with Credential")
	}
	credential, rest, ok := strings.Cut(rest, ",")
	if !ok {
		return refuse(ReasonMalformed, "Authorization ends after Credential")
	}
	if err := a.parseCredential(credential); err != nil {
		return err
	}
	rest, ok = strings.CutPrefix(strings.TrimPrefix(rest, " "), "SignedHeaders=")
	if !ok {
		return refuse(ReasonMalformed, "Credential is not followed by SignedHeaders")
	}
	a.SignedHeaders, rest, ok = strings.Cut(rest, ",")
	if !ok {
		return refuse(ReasonMalformed, "Authorization ends after SignedHeaders")
	}
	if err := checkSignedHeaders(a.SignedHeaders); err != nil {
		return err
	}
	signature, ok := strings.CutPrefix(strings.TrimPrefix(rest, " "), "Signature=")
	if !ok {
		return refuse(ReasonMalformed, "SignedHeaders is not followed by Signature")
	}
	if !decodeHash(&a.Signature, signature) {
		return refuse(ReasonMalformed, "Signature is not 64 lower-case hexadecimal digits")
	}
	return nil
}

// parseCredential splits from the right, so that nothing in the access key id
// can shift the scope.
func (a *Authorization) parseCredential(s string) *Error {
	var parts [4]string // terminator, service, region, date
	for i := range parts {
		slash := strings.LastIndexByte(s, '/')
		if slash < 0 {
			return refuse(ReasonScope, "credential has fewer than five parts")
		}
		parts[i] = s[slash+1:]
		s = s[:slash]
	}
	if s == "" || parts[1] == "" || parts[2] == "" {
		return refuse(ReasonScope, "credential has an empty part")
	}
	if strings.IndexByte(s, '/') >= 0 {
		return refuse(ReasonScope, "credential has more than five parts")
	}
	if len(s) > maxAccessKeyID {
		return refuse(ReasonMalformed, "access key id is too long")
	}
	for i := range len(s) {
		if !in(s[i], wordLow, wordHigh) {
			return refuse(ReasonMalformed, "access key id has a character that none has")
		}
	}
	a.AccessKeyID = s
	if parts[0] != terminator {
		return refuse(ReasonScope, "credential does not end in "+terminator)
	}
	if len(parts[3]) != 8 {
		return refuse(ReasonScope, "credential has no date of eight digits")
	}
	a.Service, a.Region, a.Date = parts[1], parts[2], parts[3]
	return nil
}

// checkSignedHeaders holds the list to lower-case field names, strictly
// ascending, which also makes them unique.
func checkSignedHeaders(list string) *Error {
	previous := ""
	for n := 1; ; n++ {
		if n > maxSignedFields {
			return refuse(ReasonHeaders, "SignedHeaders has too many names")
		}
		end := 0
		for end < len(list) && in(list[end], nameLow, nameHigh) {
			end++
		}
		name := list[:end]
		if name == "" || end < len(list) && list[end] != ';' {
			return refuse(ReasonHeaders, "SignedHeaders has something that is no lower-case field name")
		}
		if name <= previous {
			return refuse(ReasonHeaders, "SignedHeaders is not strictly ascending")
		}
		if end == len(list) {
			return nil
		}
		previous, list = name, list[end+1:]
	}
}

// decodeHash reads 64 lower-case hexadecimal digits.
func decodeHash(dst *[32]byte, s string) bool {
	if len(s) != 64 {
		return false
	}
	for i := range dst {
		high, low := hexValue(s[2*i]), hexValue(s[2*i+1])
		if high|low > 15 {
			return false
		}
		dst[i] = high<<4 | low
	}
	return true
}

// hexValue is the value of a lower-case hexadecimal digit, 255 if c is none.
func hexValue(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 255
}
