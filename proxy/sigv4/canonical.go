package sigv4

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// canonicalSize holds the canonical request of every client seen (at most
// about 700 bytes) on the stack. A longer one is built on the heap.
const canonicalSize = 1536

// canonicalHash returns the SHA-256 of req's canonical request over the fields
// in signedHeaders. It returns with it how many fields that was and how many of
// those mustSign names, so that the caller can tell whether any is left over.
func canonicalHash(req *Request, signedHeaders string, p Profile) (hash [32]byte, required int, err *Error) {
	var space [canonicalSize]byte
	b, required, err := appendCanonical(space[:0], req, signedHeaders, p)
	if err != nil {
		return hash, 0, err
	}
	return sha256.Sum256(b), required, nil
}

// appendCanonical appends the canonical request. signedHeaders must have passed
// checkSignedHeaders.
func appendCanonical(dst []byte, req *Request, signedHeaders string, p Profile) (_ []byte, required int, err *Error) {
	dst = append(dst, req.Method...)
	dst = append(dst, '\n')
	dst = appendPath(dst, req.Path, p)
	dst = append(dst, '\n')
	if req.Query != "" {
		if dst, err = appendQuery(dst, req.Query); err != nil {
			return dst, 0, err
		}
	}
	dst = append(dst, '\n')
	for list := signedHeaders; ; {
		name := list
		end := strings.IndexByte(list, ';')
		if end >= 0 {
			name = list[:end]
		}
		found := 0
		for i := range req.Fields {
			f := &req.Fields[i]
			if !isName(f.Name, name) {
				continue
			}
			if found == 0 {
				dst = append(dst, name...)
				dst = append(dst, ':')
			} else {
				if !p.RepeatedFields {
					return dst, 0, refuseHeader(ReasonHeaders, name, "a signed field is repeated")
				}
				dst = append(dst, ',')
			}
			found++
			var ok bool
			if dst, ok = appendValue(dst, f.Value); !ok {
				return dst, 0, refuseHeader(ReasonHeaders, name, "a signed field holds a control character")
			}
		}
		if found == 0 {
			return dst, 0, refuseHeader(ReasonHeaders, name, "a signed field is absent")
		}
		dst = append(dst, '\n')
		if mustSign(name) {
			required += found
		}
		if end < 0 {
			break
		}
		list = list[end+1:]
	}
	dst = append(dst, '\n')
	dst = append(dst, signedHeaders...)
	dst = append(dst, '\n')
	return hex.AppendEncode(dst, req.PayloadHash[:]), required, nil
}

// mustSign reports whether a field of that name means nothing unless it is
// signed, and is refused then: whoever changed or added it on the way would
// have its say in a request that somebody else signed.
func mustSign(name string) bool {
	return isAmz(name) || isName(name, "host") || isName(name, "content-type")
}

// appendValue appends a field value without white space at its ends and with
// each run of spaces folded into one. A line break in it could make one field
// look like two in the canonical request, so control characters are refused.
func appendValue(dst []byte, s string) ([]byte, bool) {
	s = strings.Trim(s, " \t")
	start := 0
	for i := range len(s) {
		c := s[i]
		if c > ' ' && c != 0x7f {
			continue
		}
		switch {
		case c == ' ':
			if s[i-1] == ' ' { // i > 0: s was trimmed
				dst = append(dst, s[start:i]...)
				start = i + 1
			}
		case c != '\t':
			return dst, false
		}
	}
	return append(dst, s[start:]...), true
}

// appendEscaped appends s with every byte percent-encoded but the unreserved
// ones and, if slash is set, '/'.
func appendEscaped(dst []byte, s string, slash bool) []byte {
	start := 0
	for i := range len(s) {
		c := s[i]
		if in(c, unreservedLow, unreservedHigh) || slash && c == '/' {
			continue
		}
		dst = append(dst, s[start:i]...)
		dst = appendPercent(dst, c)
		start = i + 1
	}
	return append(dst, s[start:]...)
}

func appendPercent(dst []byte, c byte) []byte {
	const hexUpper = "0123456789ABCDEF"
	return append(dst, '%', hexUpper[c>>4], hexUpper[c&15])
}
