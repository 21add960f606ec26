package audit_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/gatepost-proxy/gatepost/audit"
)

var hostile = []string{
	"",
	"plain",
	"line one\nline two\r\n",
	"\x1b[2J\x1b]0;owned\a",
	"abc\u202edcba\u2066\u2069\u200f",
	"\u2028\u2029\u0085",
	"\xff\xfe\xc3\x28\xed\xa0\x80\xf4\x90\x80\x80",
	"\xc3",
	"a\x00b",
	"\x7f\u0080\u009f\u00a0",
	`"},{"forged":`,
	`\u0022\\"`,
	"<script>alert(1)</script>&amp;",
	"\ufeffbom \u200bzero \U000e0041tag \U0001f600 \uffff",
	strings.Repeat("x\x00", 1<<19),
	strings.Repeat("é", 1<<19),
}

func TestHostileStrings(t *testing.T) {
	for _, s := range hostile {
		checkString(t, s)
	}
}

// Bytes are looked at eight at a time: each must be seen wherever it stands, and
// beside each that borrows from it.
func TestEveryByteEverywhere(t *testing.T) {
	for at := range 17 {
		for c := range 256 {
			for _, neighbour := range []byte{'a', ' ', '!', '#', '[', ']', '~', 0x80} {
				b := bytes.Repeat([]byte{neighbour}, 17)
				b[at] = byte(c)
				checkString(t, string(b))
			}
		}
	}
}

func FuzzAppendLineString(f *testing.F) {
	for _, s := range hostile[:len(hostile)-2] {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) { checkString(t, s) })
}

func TestStringsProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkString(t, rapid.OneOf(
			rapid.String(),
			rapid.SampledFrom(hostile),
			rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 3000), func(b []byte) string { return string(b) }),
			rapid.Map(rapid.SliceOf(rapid.SampledFrom(hostile[:len(hostile)-2])), func(l []string) string { return strings.Join(l, "") }),
		).Draw(t, "s"))
	})
}

// checkString holds an event's user agent against encoding/json's idea of s.
func checkString(t interface {
	Helper()
	Errorf(string, ...any)
	Fatalf(string, ...any)
}, s string) {
	t.Helper()
	e := audit.Event{Kind: audit.KindOutcome, UserAgent: s}
	line := audit.AppendLine(nil, &e)

	for i := 0; i < len(line); {
		r, n := utf8.DecodeRune(line[i:])
		if r == utf8.RuneError && n == 1 || unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && !laterFormat(r) {
			t.Fatalf("line holds %U at byte %d: %q", r, i, line)
		}
		i += n
	}
	if !json.Valid(line) {
		t.Fatalf("not JSON: %s", line)
	}
	got, err := audit.ParseLine(line)
	if err != nil {
		t.Fatalf("ParseLine: %v: %s", err, line)
	}
	var std audit.Event
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&std); err != nil {
		t.Fatalf("encoding/json: %v: %s", err, line)
	}
	if std.UserAgent != got.UserAgent {
		t.Fatalf("ParseLine read %q, encoding/json %q", got.UserAgent, std.UserAgent)
	}

	want := viaJSON(s)
	if len(got.Truncated) == 0 {
		if got.UserAgent != want {
			t.Fatalf("read back %q, want %q", got.UserAgent, want)
		}
		return
	}
	if got.Truncated[0] != "user_agent" || len(got.Truncated) != 1 {
		t.Fatalf("Truncated = %q", got.Truncated)
	}
	if !strings.HasPrefix(want, got.UserAgent) || len(want) == len(got.UserAgent) {
		t.Fatalf("cut to %q, not a proper prefix of %.2000q", got.UserAgent, want)
	}
	// The longest unit is an escaped surrogate pair of 12 bytes.
	if len(viaAppend(got.UserAgent)) <= 1024-12 {
		t.Fatalf("cut to %d bytes although more fit", len(viaAppend(got.UserAgent)))
	}
}

// laterFormat holds for format characters that the fixed list leaves alone:
// visible signs of single scripts.
func laterFormat(r rune) bool {
	return 0x600 <= r && r <= 0x605 || r == 0x6dd || r == 0x70f || r == 0x890 || r == 0x891 || r == 0x8e2 ||
		r == 0x110bd || r == 0x110cd || 0x13430 <= r && r <= 0x1343f || 0x1bca0 <= r && r <= 0x1bca3 ||
		0x1d173 <= r && r <= 0x1d17a
}

func viaJSON(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	var out string
	if err := json.Unmarshal(b, &out); err != nil {
		panic(err)
	}
	return out
}

// viaAppend returns s as it is written, quotes off.
func viaAppend(s string) string {
	line := string(audit.AppendLine(nil, &audit.Event{UserAgent: s}))
	_, rest, _ := strings.Cut(line, `"user_agent":"`)
	return strings.TrimSuffix(rest, `"}`)
}
