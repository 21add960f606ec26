package http1

// Reason says why a request was refused before anything in it was believed. The set is closed: it is a metric label.
type Reason string

// The reasons, each with the status it is answered with.
const (
	ReasonLineEnding     Reason = "line_ending"          // 400: a line that ends in a bare LF, or starts the message with something else than a method
	ReasonRequestLine    Reason = "request_line"         // 400
	ReasonMethod         Reason = "method"               // 405 for HTTP's other methods, 400 for anything else
	ReasonVersion        Reason = "version"              // 400: not HTTP/1.1
	ReasonTarget         Reason = "target"               // 400: not origin-form, or a byte that a target must not hold
	ReasonField          Reason = "field"                // 400: malformed or folded field line
	ReasonTooManyFields  Reason = "too_many_fields"      // 431
	ReasonHeadTooLarge   Reason = "head_too_large"       // 431
	ReasonHost           Reason = "host"                 // 400: not exactly one Host
	ReasonContentLength  Reason = "content_length"       // 400: repeated or not a number
	ReasonTransferCoding Reason = "transfer_coding"      // 400: Transfer-Encoding or Trailer
	ReasonConnection     Reason = "connection"           // 400: a Connection option other than close and keep-alive
	ReasonUpgrade        Reason = "upgrade"              // 400
	ReasonExpect         Reason = "expect"               // 417
	ReasonUnexpectedBody Reason = "unexpected_body"      // 400: a GET or DELETE with content
	ReasonBodyTooLarge   Reason = "body_too_large"       // 413
	ReasonHeaderTimeout  Reason = "header_timeout"       // 408
	ReasonRequestTimeout Reason = "request_timeout"      // 408
	ReasonTruncated      Reason = "truncated"            // 400: the connection ended inside the request
	ReasonTLS            Reason = "tls"                  // no answer: the handshake failed
	ReasonTooManyConns   Reason = "too_many_connections" // no answer: closed on accept
)

// Reasons lists the closed set.
func Reasons() []Reason {
	return []Reason{
		ReasonLineEnding, ReasonRequestLine, ReasonMethod, ReasonVersion, ReasonTarget, ReasonField, ReasonTooManyFields, ReasonHeadTooLarge,
		ReasonHost, ReasonContentLength, ReasonTransferCoding, ReasonConnection, ReasonUpgrade, ReasonExpect, ReasonUnexpectedBody,
		ReasonBodyTooLarge, ReasonHeaderTimeout, ReasonRequestTimeout, ReasonTruncated, ReasonTLS, ReasonTooManyConns,
	}
}

// Text says in one sentence what was wrong, for the caller; it holds nothing of the request.
func (r Reason) Text() string {
	switch r {
	case ReasonLineEnding:
		return "Lines of an HTTP/1.1 request end in CRLF."
	case ReasonRequestLine:
		return "The request line is malformed."
	case ReasonMethod:
		return "The method is not one that the Outposts API uses."
	case ReasonVersion:
		return "The request is not HTTP/1.1. (nginx in front: proxy_http_version 1.1.)"
	case ReasonTarget:
		return "The request target is not an absolute path in printable ASCII."
	case ReasonField:
		return "A header field is malformed."
	case ReasonTooManyFields, ReasonHeadTooLarge:
		return "The request has more than 64 header fields or 16 KiB of them."
	case ReasonHost:
		return "The request needs exactly one Host."
	case ReasonContentLength:
		return "Content-Length is malformed or repeated."
	case ReasonTransferCoding:
		return "Transfer-Encoding and Trailer are not accepted; send Content-Length."
	case ReasonConnection:
		return "Connection may say close or keep-alive, nothing else."
	case ReasonUpgrade:
		return "Upgrade is not accepted."
	case ReasonExpect:
		return "Expect may say 100-continue, nothing else."
	case ReasonUnexpectedBody:
		return "A request with this method has no body."
	case ReasonBodyTooLarge:
		return "The body is larger than 64 KiB."
	case ReasonHeaderTimeout, ReasonRequestTimeout:
		return "The request did not arrive in time."
	case ReasonTruncated:
		return "The request ended early."
	default:
		return "The request was refused."
	}
}

// Refusal is a request that was not understood, and what to answer.
type Refusal struct {
	Status int
	Reason Reason
}

func refuse(status int, reason Reason) *Refusal { return &Refusal{status, reason} }
