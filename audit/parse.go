package audit

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ParseLine reads one line, without its newline. It accepts only what
// [AppendLine] writes, byte for byte: unknown, repeated, reordered or empty
// fields, other spellings of a value and trailing data are all refused.
//
// Kinds, decisions and cache results outside the constants of this package are
// read as they stand, so that a log outlives a vocabulary that has grown.
//
// The strings of the event share one copy of the line, which stays in memory
// for as long as any of them is referred to.
func ParseLine(line []byte) (Event, error) {
	if len(line) > MaxLineBytes {
		return Event{}, fmt.Errorf("parse audit line: %d bytes, more than a line may have", len(line))
	}
	p := parser{s: string(line)}
	e := p.event()
	if p.err == nil && p.i != len(p.s) {
		p.fail("unexpected data")
	}
	if p.err != nil {
		return Event{}, fmt.Errorf("parse audit line: byte %d: %w", p.i, p.err)
	}
	var buf [2048]byte
	if canonical := AppendLine(buf[:0], &e); string(canonical) != p.s {
		return Event{}, fmt.Errorf("parse audit line: byte %d: not in canonical form", commonPrefix(canonical, line))
	}
	return e, nil
}

// ParseHead reads the index from the head of a line without looking at the rest.
func ParseHead(line []byte) (index uint64, ok bool) {
	const prefix = `{"v":1,"index":`
	if len(line) < len(prefix) || string(line[:len(prefix)]) != prefix {
		return 0, false
	}
	digits := line[len(prefix):]
	n := 0
	for ; n < len(digits) && '0' <= digits[n] && digits[n] <= '9'; n++ {
		d := uint64(digits[n] - '0')
		if index > (1<<64-1-d)/10 {
			return 0, false
		}
		index = index*10 + d
	}
	if n == 0 || n > 1 && digits[0] == '0' || n == len(digits) || digits[n] != ',' {
		return 0, false
	}
	return index, true
}

func commonPrefix(a, b []byte) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// parser reads the members of a line in the order in which writer writes them.
// It may be lenient about their spelling: ParseLine compares afterwards. The
// first error sticks, and i stays where it happened.
type parser struct {
	s   string
	i   int
	err error
}

func (p *parser) fail(what string) {
	if p.err == nil {
		p.err = errors.New(what)
	}
}

func (p *parser) event() Event {
	var e Event
	if !p.literal(`{"v":1`) {
		p.fail(`line does not start with {"v":1`)
		return e
	}
	e.V = Version
	p.uint("index", &e.Index)

	p.string("id", &e.ID)
	p.string("kind", (*string)(&e.Kind))
	p.time("time", &e.Time)
	p.string("origin", &e.Origin)

	p.string("principal", &e.Principal)
	p.string("access_key_id", &e.AccessKeyID)
	p.string("source_ip", &e.SourceIP)
	var port uint64
	p.uint("source_port", &port)
	e.SourcePort = uint16(port)
	if p.member("tls") {
		e.TLS = new(TLS)
		p.want('{')
		p.string("version", &e.TLS.Version)
		p.string("cipher", &e.TLS.Cipher)
		p.string("client", &e.TLS.Client)
		p.want('}')
	}
	p.string("user_agent", &e.UserAgent)

	p.string("operation", &e.Operation)
	p.bool("read_only", &e.ReadOnly)
	p.string("region", &e.Region)
	p.string("connection_id", &e.ConnectionID)
	p.string("path", &e.Path)

	p.string("decision", (*string)(&e.Decision))
	p.string("reason", &e.Reason)
	p.bool("repeat", &e.Repeat)
	p.string("cache", (*string)(&e.Cache))
	if p.member("fill") {
		e.Fill = new(Fill)
		p.want('{')
		p.string("event_id", &e.Fill.EventID)
		p.string("request_id", &e.Fill.RequestID)
		p.int("age_ms", &e.Fill.AgeMS)
		p.want('}')
	}

	if p.member("upstream") {
		e.Upstream = new(Upstream)
		p.want('{')
		p.string("account", &e.Upstream.Account)
		p.string("identity_arn", &e.Upstream.IdentityARN)
		p.string("access_key_id", &e.Upstream.AccessKeyID)
		p.string("endpoint", &e.Upstream.Endpoint)
		p.want('}')
	}
	if p.member("attempts") {
		p.want('[')
		for more := true; more; more = p.literal(`,`) {
			var a Attempt
			p.want('{')
			p.string("request_id", &a.RequestID)
			p.smallInt("status", &a.Status)
			p.string("error_code", &a.ErrorCode)
			p.int("duration_us", &a.DurationUS)
			p.want('}')
			e.Attempts = append(e.Attempts, a)
		}
		p.want(']')
	}

	p.smallInt("status", &e.Status)
	p.string("error_class", (*string)(&e.ErrorClass))
	p.string("error_code", &e.ErrorCode)
	p.string("response_sha256", &e.ResponseSHA256)
	p.int("response_bytes", &e.ResponseBytes)
	p.int("duration_us", &e.DurationUS)
	p.int("commit_us", &e.CommitUS)
	p.bool("client_gone", &e.ClientGone)

	p.string("action", &e.Action)
	p.string("of", &e.Of)
	p.smallInt("of_attempt", &e.OfAttempt)
	p.string("state", &e.State)
	p.string("cloudtrail_event_id", &e.CloudTrailEventID)
	p.string("evidence", &e.Evidence)
	p.int("lag_ms", &e.LagMS)
	if p.member("differences") {
		e.Differences = p.texts()
	}
	p.uint("count", &e.Count)
	p.string("detail", &e.Detail)
	if p.member("truncated") {
		e.Truncated = p.texts()
	}
	p.want('}')
	return e
}

func (p *parser) literal(s string) bool {
	if p.err != nil || !strings.HasPrefix(p.s[p.i:], s) {
		return false
	}
	p.i += len(s)
	return true
}

func (p *parser) want(c byte) {
	if p.err == nil && p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return
	}
	p.fail("want '" + string(c) + "'")
}

// member consumes the name of the next member if it is the one asked for.
func (p *parser) member(name string) bool {
	start := p.i
	if p.err == nil && (p.s[p.i-1] == '{' || p.literal(`,`)) &&
		p.literal(`"`) && p.literal(name) && p.literal(`":`) {
		return true
	}
	p.i = start
	return false
}

func (p *parser) texts() (list []string) {
	p.want('[')
	for more := true; more; more = p.literal(`,`) {
		list = append(list, p.text())
	}
	p.want(']')
	return list
}

func (p *parser) string(name string, to *string) {
	if p.member(name) {
		*to = p.text()
	}
}

func (p *parser) text() string {
	start := p.i
	if p.want('"'); p.err != nil {
		return ""
	}
	if n := strings.IndexByte(p.s[p.i:], '"'); n >= 0 && strings.IndexByte(p.s[p.i:p.i+n], '\\') < 0 {
		p.i += n + 1
		return p.s[start+1 : p.i-1]
	}
	for ; p.i < len(p.s) && p.s[p.i] != '"'; p.i++ {
		if p.s[p.i] == '\\' {
			p.i++
		}
	}
	if p.i >= len(p.s) {
		p.i = start
		p.fail("string does not end")
		return ""
	}
	p.i++
	var s string
	if err := json.Unmarshal([]byte(p.s[start:p.i]), &s); err != nil {
		p.i = start
		p.fail("malformed escape in string")
	}
	return s
}

// digits consumes what may belong to a number.
func (p *parser) digits() string {
	start := p.i
	for p.i < len(p.s) && (p.s[p.i] == '-' || '0' <= p.s[p.i] && p.s[p.i] <= '9') {
		p.i++
	}
	return p.s[start:p.i]
}

func (p *parser) int(name string, to *int64) {
	if !p.member(name) {
		return
	}
	n, err := strconv.ParseInt(p.digits(), 10, 64)
	if err != nil {
		p.fail("malformed number")
	}
	*to = n
}

func (p *parser) smallInt(name string, to *int) {
	var n int64
	p.int(name, &n)
	*to = int(n)
}

func (p *parser) uint(name string, to *uint64) {
	if !p.member(name) {
		return
	}
	n, err := strconv.ParseUint(p.digits(), 10, 64)
	if err != nil {
		p.fail("malformed number")
	}
	*to = n
}

func (p *parser) bool(name string, to *bool) {
	if !p.member(name) {
		return
	}
	*to = p.literal("true")
	if !*to && !p.literal("false") {
		p.fail("want true or false")
	}
}

func (p *parser) time(name string, to *time.Time) {
	if !p.member(name) {
		return
	}
	start := p.i
	t, err := time.Parse(timeLayout, p.text())
	if err != nil {
		p.i = start
		p.fail("malformed time")
	}
	*to = t
}
