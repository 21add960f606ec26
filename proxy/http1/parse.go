package http1

import (
	"bytes"
	"strings"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// Limits of one request. A caller of the Outposts API stays far below each: the longest path is 3,084 bytes and SDKs send some 12 fields.
const (
	MaxHead   = 16 << 10
	MaxFields = 64
	MaxBody   = 64 << 10
)

// headEnd looks for the empty line that ends a head, from the first line start at or after from. It returns the length of the head, or 0
// and where to go on when more bytes have arrived. A line that ends in a bare LF is refused at once, not at the time limit: such a head
// would never be complete.
func headEnd(b []byte, from int) (end, next int, refusal *Refusal) {
	for i := from; i < len(b); {
		n := bytes.IndexByte(b[i:], '\n')
		if n < 0 {
			return 0, i, nil
		}
		if n == 0 || b[i+n-1] != '\r' {
			return 0, 0, refuse(400, ReasonLineEnding)
		}
		if n == 1 {
			return i + 2, 0, nil
		}
		i += n + 1
		from = i
	}
	return 0, from, nil
}

// parse reads a complete head into r. What it leaves in r when it refuses is what had been read so far.
func (r *Request) parse(head string) *Refusal {
	line, rest, _ := strings.Cut(head, "\r\n")
	if refusal := r.parseRequestLine(line); refusal != nil {
		return refusal
	}
	for {
		line, rest, _ = strings.Cut(rest, "\r\n")
		if line == "" {
			break
		}
		if len(r.Fields) == MaxFields {
			return refuse(431, ReasonTooManyFields)
		}
		field, ok := parseField(line)
		if !ok {
			return refuse(400, ReasonField)
		}
		r.Fields = append(r.Fields, field)
	}
	return r.frame()
}

// parseRequestLine accepts `method SP origin-form SP HTTP/1.1` (RFC 9112 section 3) and nothing looser.
func (r *Request) parseRequestLine(line string) *Refusal {
	method, rest, ok := strings.Cut(line, " ")
	if !ok {
		return refuse(400, ReasonRequestLine)
	}
	target, version, ok := strings.Cut(rest, " ")
	if !ok {
		return refuse(400, ReasonRequestLine)
	}
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
		r.Method = method
	case "HEAD", "OPTIONS", "TRACE", "CONNECT":
		r.Method = method
		return refuse(405, ReasonMethod)
	default:
		return refuse(400, ReasonMethod)
	}
	if version != "HTTP/1.1" {
		return refuse(400, ReasonVersion)
	}
	if target == "" || target[0] != '/' {
		return refuse(400, ReasonTarget)
	}
	for i := range len(target) {
		if !targetBytes[target[i]] {
			return refuse(400, ReasonTarget)
		}
	}
	r.Path, r.Query, r.HasQuery = strings.Cut(target, "?")
	return nil
}

// parseField reads `name ":" OWS value OWS` (RFC 9112 section 5): no space around the name, so neither a folded line nor
// `Content-Length : 3` passes, and no control character in the value save HTAB.
func parseField(line string) (sigv4.Field, bool) {
	name, value, ok := strings.Cut(line, ":")
	if !ok || name == "" {
		return sigv4.Field{}, false
	}
	for i := range len(name) {
		if !tokenBytes[name[i]] {
			return sigv4.Field{}, false
		}
	}
	for i := range len(value) {
		if c := value[i]; c < ' ' && c != '\t' || c == 0x7f {
			return sigv4.Field{}, false
		}
	}
	return sigv4.Field{Name: name, Value: strings.Trim(value, " \t")}, true
}

// frame settles everything about the message that a field can change: where it ends, whether the connection goes on, what is expected.
// A field that could make another reader see other boundaries refuses the request.
func (r *Request) frame() *Refusal {
	var hosts, lengths int
	for i := range r.Fields {
		f := &r.Fields[i]
		switch len(f.Name) {
		case len("Host"):
			if strings.EqualFold(f.Name, "Host") {
				hosts++
				if f.Value == "" {
					return refuse(400, ReasonHost)
				}
			}
		case len("Expect"):
			if strings.EqualFold(f.Name, "Expect") {
				if !strings.EqualFold(f.Value, "100-continue") {
					return refuse(417, ReasonExpect)
				}
				r.expectContinue = true
			}
		case len("Upgrade"): // and Trailer
			if strings.EqualFold(f.Name, "Upgrade") {
				return refuse(400, ReasonUpgrade)
			}
			if strings.EqualFold(f.Name, "Trailer") {
				return refuse(400, ReasonTransferCoding)
			}
		case len("Connection"):
			if strings.EqualFold(f.Name, "Connection") {
				if refusal := r.connectionOptions(f.Value); refusal != nil {
					return refusal
				}
			}
		case len("Content-Length"):
			if strings.EqualFold(f.Name, "Content-Length") {
				lengths++
				n, ok := parseLength(f.Value)
				if !ok || lengths > 1 {
					return refuse(400, ReasonContentLength)
				}
				r.length = n
			}
		case len("Transfer-Encoding"):
			if strings.EqualFold(f.Name, "Transfer-Encoding") {
				return refuse(400, ReasonTransferCoding)
			}
		}
	}
	switch {
	case hosts != 1:
		return refuse(400, ReasonHost)
	case r.length > 0 && (r.Method == "GET" || r.Method == "DELETE"):
		return refuse(400, ReasonUnexpectedBody)
	case r.length > MaxBody:
		return refuse(413, ReasonBodyTooLarge)
	}
	return nil
}

// connectionOptions accepts close and keep-alive. Any other option would name a field to be dropped, the way by which callers
// make proxies strip what these proxies added.
func (r *Request) connectionOptions(value string) *Refusal {
	for option := range strings.SplitSeq(value, ",") {
		switch option = strings.Trim(option, " \t"); {
		case strings.EqualFold(option, "close"):
			r.close = true
		case option == "", strings.EqualFold(option, "keep-alive"):
		default:
			return refuse(400, ReasonConnection)
		}
	}
	return nil
}

// parseLength reads 1*DIGIT. Nineteen digits or more, which could overflow, are larger than any body we take and refused as such.
func parseLength(s string) (int64, bool) {
	if s == "" {
		return 0, false
	}
	var n int64
	for i := range len(s) {
		c := s[i]
		if c < '0' || c > '9' {
			return 0, false
		}
		if n <= MaxBody {
			n = n*10 + int64(c-'0')
		}
	}
	return n, true
}
