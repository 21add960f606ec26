package export

import (
	"strconv"

	"github.com/gatepost-proxy/gatepost/audit"
)

// column is one of the table's: its name, and how an event fills it.
type column struct {
	name   string
	append func(dst []byte, e *audit.Event) []byte
}

// columns is the table, in an order that is promised. Never written to.
var columns = [...]column{
	{"index", func(dst []byte, e *audit.Event) []byte { return strconv.AppendUint(dst, e.Index, 10) }},
	{"time", func(dst []byte, e *audit.Event) []byte {
		return e.Time.UTC().AppendFormat(dst, timeLayout)
	}},
	text("id", func(e *audit.Event) string { return e.ID }),
	text("kind", func(e *audit.Event) string { return string(e.Kind) }),
	text("origin", func(e *audit.Event) string { return e.Origin }),
	text("principal", func(e *audit.Event) string { return e.Principal }),
	text("access_key_id", func(e *audit.Event) string { return e.AccessKeyID }),
	text("source_ip", func(e *audit.Event) string { return e.SourceIP }),
	number("source_port", func(e *audit.Event) int64 { return int64(e.SourcePort) }),
	text("user_agent", func(e *audit.Event) string { return e.UserAgent }),
	text("operation", func(e *audit.Event) string { return e.Operation }),
	flag("read_only", isCall, func(e *audit.Event) bool { return e.ReadOnly }),
	text("region", func(e *audit.Event) string { return e.Region }),
	text("connection_id", func(e *audit.Event) string { return e.ConnectionID }),
	text("path", func(e *audit.Event) string { return e.Path }),
	text("decision", func(e *audit.Event) string { return string(e.Decision) }),
	text("reason", func(e *audit.Event) string { return e.Reason }),
	flag("repeat", nil, func(e *audit.Event) bool { return e.Repeat }),
	text("cache", func(e *audit.Event) string { return string(e.Cache) }),
	text("fill_event_id", func(e *audit.Event) string { return fillOf(e).EventID }),
	text("fill_request_id", func(e *audit.Event) string { return fillOf(e).RequestID }),
	{"fill_age_ms", func(dst []byte, e *audit.Event) []byte {
		if e.Fill == nil {
			return dst
		}
		return strconv.AppendInt(dst, e.Fill.AgeMS, 10)
	}},
	text("upstream_account", func(e *audit.Event) string { return upstreamOf(e).Account }),
	text("upstream_identity_arn", func(e *audit.Event) string { return upstreamOf(e).IdentityARN }),
	text("upstream_access_key_id", func(e *audit.Event) string { return upstreamOf(e).AccessKeyID }),
	text("upstream_endpoint", func(e *audit.Event) string { return upstreamOf(e).Endpoint }),
	list("attempt_request_ids", attempts, func(a *audit.Attempt) string { return a.RequestID }),
	list("attempt_statuses", attempts, func(a *audit.Attempt) string { return decimal(int64(a.Status)) }),
	list("attempt_error_codes", attempts, func(a *audit.Attempt) string { return a.ErrorCode }),
	list("attempt_durations_us", attempts, func(a *audit.Attempt) string { return decimal(a.DurationUS) }),
	number("status", func(e *audit.Event) int64 { return int64(e.Status) }),
	text("error_class", func(e *audit.Event) string { return string(e.ErrorClass) }),
	text("error_code", func(e *audit.Event) string { return e.ErrorCode }),
	text("response_sha256", func(e *audit.Event) string { return e.ResponseSHA256 }),
	number("response_bytes", func(e *audit.Event) int64 { return e.ResponseBytes }),
	number("duration_us", func(e *audit.Event) int64 { return e.DurationUS }),
	number("commit_us", func(e *audit.Event) int64 { return e.CommitUS }),
	flag("client_gone", nil, func(e *audit.Event) bool { return e.ClientGone }),
	text("tls_version", func(e *audit.Event) string { return tlsOf(e).Version }),
	text("tls_cipher", func(e *audit.Event) string { return tlsOf(e).Cipher }),
	text("tls_client", func(e *audit.Event) string { return tlsOf(e).Client }),
	text("action", func(e *audit.Event) string { return e.Action }),
	text("of", func(e *audit.Event) string { return e.Of }),
	{"of_attempt", func(dst []byte, e *audit.Event) []byte {
		if e.Kind != audit.KindVerdict && e.OfAttempt == 0 {
			return dst
		}
		return strconv.AppendInt(dst, int64(e.OfAttempt), 10)
	}},
	text("state", func(e *audit.Event) string { return e.State }),
	text("cloudtrail_event_id", func(e *audit.Event) string { return e.CloudTrailEventID }),
	text("evidence", func(e *audit.Event) string { return e.Evidence }),
	number("lag_ms", func(e *audit.Event) int64 { return e.LagMS }),
	list("differences", func(e *audit.Event) []string { return e.Differences }, same),
	{"count", func(dst []byte, e *audit.Event) []byte {
		if e.Count == 0 {
			return dst
		}
		return strconv.AppendUint(dst, e.Count, 10)
	}},
	text("detail", func(e *audit.Event) string { return e.Detail }),
	list("truncated", func(e *audit.Event) []string { return e.Truncated }, same),
}

// timeLayout is the log's own.
const timeLayout = "2006-01-02T15:04:05.000000000Z"

// Columns returns the names of the CSV columns, in their order.
func Columns() []string {
	names := make([]string, len(columns))
	for i := range columns {
		names[i] = columns[i].name
	}
	return names
}

type csvEncoder struct{}

func (csvEncoder) appendRecord(dst []byte, r Record) ([]byte, error) {
	for i := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = columns[i].append(dst, r.Event)
	}
	return append(dst, '\r', '\n'), nil
}

func appendHeader(dst []byte) []byte {
	for i := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, columns[i].name...)
	}
	return append(dst, '\r', '\n')
}

func text(name string, of func(*audit.Event) string) column {
	return column{name, func(dst []byte, e *audit.Event) []byte { return AppendCell(dst, of(e)) }}
}

// number leaves out 0, which in the log means that it does not apply. Numbers
// are never prefixed: a negative one is no formula.
func number(name string, of func(*audit.Event) int64) column {
	return column{name, func(dst []byte, e *audit.Event) []byte {
		if n := of(e); n != 0 {
			dst = strconv.AppendInt(dst, n, 10)
		}
		return dst
	}}
}

// flag writes true, and false only where the log does: on events for which must
// holds.
func flag(name string, must func(*audit.Event) bool, of func(*audit.Event) bool) column {
	return column{name, func(dst []byte, e *audit.Event) []byte {
		if b := of(e); b || must != nil && must(e) {
			dst = strconv.AppendBool(dst, b)
		}
		return dst
	}}
}

// list joins the elements' texts.
func list[T any](name string, of func(*audit.Event) []T, element func(*T) string) column {
	return column{name, func(dst []byte, e *audit.Event) []byte {
		elements := of(e)
		switch len(elements) {
		case 0:
			return dst
		case 1:
			return AppendCell(dst, element(&elements[0]))
		}
		joined := make([]byte, 0, 128)
		for i := range elements {
			if i > 0 {
				joined = append(joined, ';')
			}
			joined = append(joined, element(&elements[i])...)
		}
		return AppendCell(dst, string(joined))
	}}
}

func same(s *string) string { return *s }

func decimal(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func attempts(e *audit.Event) []audit.Attempt { return e.Attempts }

func isCall(e *audit.Event) bool { return e.Kind == audit.KindIntent || e.Kind == audit.KindOutcome }

func fillOf(e *audit.Event) audit.Fill {
	if e.Fill == nil {
		return audit.Fill{}
	}
	return *e.Fill
}

func upstreamOf(e *audit.Event) audit.Upstream {
	if e.Upstream == nil {
		return audit.Upstream{}
	}
	return *e.Upstream
}

func tlsOf(e *audit.Event) audit.TLS {
	if e.TLS == nil {
		return audit.TLS{}
	}
	return *e.TLS
}
