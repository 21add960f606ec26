package ledger

import (
	"math"

	"github.com/gatepost-proxy/gatepost/audit"
)

// canonical reports whether a line is certain to be one that [audit.ParseLine]
// accepts. It knows the plain form of the kinds that make up a log, lines
// without escapes, cuts and extremes, and is several times as fast as parsing
// and encoding them again; at whatever else it says no, and the line has to be
// parsed. So where it lags behind the schema it costs time, not soundness.
func canonical(line []byte) bool {
	const head = `{"v":1,"index":`
	s := recognizer{rest: line}
	if !s.literal(head) || !s.number(maxNumber) {
		return false
	}
	m := members{&s, false}
	if !m.text("id", 128) || !m.key("kind") {
		return false
	}
	kind, ok := s.text(32)
	if !ok || !m.timestamp("time") || !m.text("origin", 256) {
		return false
	}
	var call, outcome, verdict bool
	switch audit.Kind(kind) {
	case audit.KindIntent:
		call = true
	case audit.KindOutcome:
		call, outcome = true, true
	case audit.KindVerdict:
		verdict = true
	case audit.KindFinding:
	default:
		return false
	}

	m.text("principal", 256)
	m.text("access_key_id", 128)
	m.text("source_ip", 64)
	m.number("source_port", math.MaxUint16)
	if m.open("tls", '{') {
		n := m.nested()
		n.text("version", 32)
		n.text("cipher", 64)
		n.text("client", 512)
		n.close('}')
	}
	m.text("user_agent", 1024)
	m.text("operation", 128)
	if m.key("read_only") {
		if !s.literal("true") && !(call && s.literal("false")) {
			return false
		}
	} else if call {
		return false
	}
	m.text("region", 64)
	m.text("connection_id", 1024)
	m.text("path", 4096)
	if !m.text("decision", 32) && call {
		return false
	}
	m.text("reason", 256)
	m.flag("repeat")
	if !m.text("cache", 32) && call {
		return false
	}
	if m.open("fill", '{') {
		n := m.nested()
		n.text("event_id", 128)
		n.text("request_id", 128)
		if !n.key("age_ms") || !s.number(maxNumber) {
			return false
		}
		n.close('}')
	}
	if m.open("upstream", '{') {
		n := m.nested()
		n.text("account", 64)
		n.text("identity_arn", 2048)
		n.text("access_key_id", 128)
		n.text("endpoint", 512)
		n.close('}')
	}
	if m.open("attempts", '[') {
		m.attempts()
	}
	if !m.number("status", maxNumber) && outcome {
		return false
	}
	if m.key("error_class") {
		class, ok := s.text(64)
		if !ok || !audit.ErrorClass(class).Valid() {
			return false
		}
	} else if outcome {
		return false
	}
	m.text("error_code", 128)
	m.text("response_sha256", 64)
	m.number("response_bytes", maxNumber)
	m.number("duration_us", maxNumber)
	m.number("commit_us", maxNumber)
	m.flag("client_gone")
	m.text("action", 64)
	m.text("of", 128)
	if !m.number("of_attempt", maxNumber) && verdict {
		return false
	}
	m.text("state", 32)
	m.text("cloudtrail_event_id", 128)
	m.text("evidence", 32)
	m.number("lag_ms", maxNumber)
	m.number("count", maxNumber)
	m.text("detail", 1024)
	return s.literal("}") && len(s.rest) == 0 && !s.failed
}

// recognizer consumes a line from the front. A failure sticks.
type recognizer struct {
	rest   []byte
	failed bool
}

func (s *recognizer) literal(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// isPlain holds for the bytes that stand for themselves in a string.
func isPlain(c byte) bool { return c >= ' ' && c < 0x7f && c != '"' && c != '\\' }

// text consumes a string of plain characters, at least one and at most limit.
func (s *recognizer) text(limit int) (text []byte, ok bool) {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		s.failed = true
		return nil, false
	}
	i := 1
	for i < len(s.rest) && isPlain(s.rest[i]) {
		i++
	}
	if i == 1 || i > limit+1 || i == len(s.rest) || s.rest[i] != '"' {
		s.failed = true
		return nil, false
	}
	text, s.rest = s.rest[1:i], s.rest[i+1:]
	return text, true
}

// maxNumber is safely within every type that a number is kept in.
const maxNumber = 999_999_999_999_999_999

// number consumes a natural number.
func (s *recognizer) number(most uint64) bool {
	n, i := uint64(0), 0
	for i < len(s.rest) && '0' <= s.rest[i] && s.rest[i] <= '9' && n <= maxNumber/10 {
		n = 10*n + uint64(s.rest[i]-'0')
		i++
	}
	if i == 0 || n > most || i > 1 && s.rest[0] == '0' {
		s.failed = true
		return false
	}
	s.rest = s.rest[i:]
	return true
}

// members consumes the members of an object in the order in which it is asked
// for them. One that is not there is passed over.
type members struct {
	s     *recognizer
	first bool // of a nested object, no comma stands in front
}

func (m *members) nested() *members { return &members{m.s, true} }

// key consumes the name of a member if it is the next.
func (m *members) key(name string) bool {
	rest := m.s.rest
	if !m.first {
		if len(rest) == 0 || rest[0] != ',' {
			return false
		}
		rest = rest[1:]
	}
	n := len(name)
	if len(rest) < n+3 || rest[0] != '"' || rest[n+1] != '"' || rest[n+2] != ':' || string(rest[1:n+1]) != name {
		return false
	}
	m.s.rest = rest[n+3:]
	m.first = false
	return true
}

func (m *members) text(name string, limit int) bool {
	if !m.key(name) {
		return false
	}
	_, ok := m.s.text(limit)
	return ok
}

// number consumes a member that is a number and, as it is there, not zero.
func (m *members) number(name string, most uint64) bool {
	if !m.key(name) {
		return false
	}
	if len(m.s.rest) > 0 && m.s.rest[0] == '0' {
		m.s.failed = true
	}
	return m.s.number(most)
}

func (m *members) flag(name string) {
	if m.key(name) && !m.s.literal("true") {
		m.s.failed = true
	}
}

func (m *members) open(name string, bracket byte) bool {
	if !m.key(name) {
		return false
	}
	if len(m.s.rest) == 0 || m.s.rest[0] != bracket {
		m.s.failed = true
		return false
	}
	m.s.rest = m.s.rest[1:]
	return true
}

func (m *members) close(bracket byte) {
	if m.first || len(m.s.rest) == 0 || m.s.rest[0] != bracket {
		m.s.failed = true
		return
	}
	m.s.rest = m.s.rest[1:]
}

func (m *members) attempts() {
	const most = 16
	for i := 0; ; i++ {
		if i == most || !m.s.literal("{") {
			m.s.failed = true
			return
		}
		n := m.nested()
		n.text("request_id", 128)
		n.number("status", maxNumber)
		n.text("error_code", 128)
		n.number("duration_us", maxNumber)
		n.close('}')
		if !m.s.literal(",") {
			break
		}
	}
	if !m.s.literal("]") {
		m.s.failed = true
	}
}

// timestamp consumes a time. The last days of months it leaves to those who know
// their lengths.
func (m *members) timestamp(name string) bool {
	const form = `"0000-00-00T00:00:00.000000000Z"`
	if !m.key(name) || len(m.s.rest) < len(form) {
		return false
	}
	t := m.s.rest[:len(form)]
	for i := range len(form) {
		if c := t[i]; c != form[i] && (form[i] != '0' || c < '0' || c > '9') {
			return false
		}
	}
	two := func(i int) int { return int(t[i]-'0')*10 + int(t[i+1]-'0') }
	month, day := two(6), two(9)
	if month < 1 || month > 12 || day < 1 || day > 28 || two(12) > 23 || two(15) > 59 || two(18) > 59 {
		return false
	}
	m.s.rest = m.s.rest[len(form):]
	return true
}
