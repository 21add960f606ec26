package ledger_test

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"pgregory.net/rapid"
)

// usual are lines as a log is full of.
func usual() map[string]*audit.Event {
	miss := event(1, "")
	miss.Cache, miss.CommitUS = audit.CacheMiss, 900
	miss.TLS = &audit.TLS{Version: "TLS 1.3", Cipher: "TLS_AES_128_GCM_SHA256"}
	miss.Upstream = &audit.Upstream{Account: "123456789012", IdentityARN: "arn:aws:sts::123456789012:assumed-role/x/y", AccessKeyID: "ASIAXXXXXXXXXXXXXXXX", Endpoint: "https://outposts.us-west-2.amazonaws.com"}
	miss.Attempts = []audit.Attempt{{Status: 503, ErrorCode: "ThrottlingException", RequestID: "r-1", DurationUS: 8000}, {Status: 200, RequestID: "r-2", DurationUS: 9000}}
	hit := event(1<<40, "")
	hit.Fill = &audit.Fill{EventID: "01936f2a-0000-7000-8000-000000000001", RequestID: "r-2", AgeMS: 1200}
	hit.ClientGone, hit.Repeat = true, true
	young := event(6, "")
	young.Fill = &audit.Fill{EventID: "01936f2a-0000-7000-8000-000000000001", RequestID: "r-2"}
	intent := event(0, "")
	intent.Kind, intent.Status, intent.ErrorClass, intent.ReadOnly = audit.KindIntent, 0, "", false
	denied := event(5, "")
	denied.Decision, denied.Reason, denied.Status, denied.ErrorClass, denied.Cache = audit.Deny, "no rule allows it", 403, audit.ErrorClassPolicy, ""
	return map[string]*audit.Event{
		"hit": hit, "young hit": young, "miss": miss, "intent": intent, "denied": denied,
		"verdict": {Index: 9, ID: "x", Kind: audit.KindVerdict, Time: epoch, Origin: origin, Of: "y", OfAttempt: 1, State: "matched",
			CloudTrailEventID: "z", Evidence: "request_id", LagMS: 90000},
		"finding": {Index: 9, ID: "x", Kind: audit.KindFinding, Time: epoch, Origin: origin, State: "bypass", Operation: "GetConnection", Detail: "not ours"},
	}
}

func TestCanonicalKnowsTheUsual(t *testing.T) {
	for name, e := range usual() {
		t.Run(name, func(t *testing.T) {
			line := audit.AppendLine(nil, e)
			if _, err := audit.ParseLine(line); err != nil {
				t.Fatal(err)
			}
			if !ledger.Canonical(line) {
				t.Errorf("%s is not recognized", line)
			}
		})
	}
}

// What it recognizes is canonical. Lines near to canonical ones are what could
// prove otherwise: at each place of each usual line something is left out, put
// in, repeated or changed.
func TestCanonicalIsSafe(t *testing.T) {
	check := func(line []byte) {
		if !ledger.Canonical(line) {
			return
		}
		if _, err := audit.ParseLine(line); err != nil {
			t.Errorf("%s is recognized: %v", line, err)
		}
	}
	bits := []string{
		`"`, `\`, `,`, `0`, `1`, `-`, `{`, `}`, `[`, `]`, ` `, "\n", "\x00", "\x7f", "é", `\u0061`, `true`, `null`, `""`,
		`,"status":0`, `,"detail":"x"`, `,"status":200`, `,"read_only":false`, `,"repeat":false`, `,"tls":{}`, `,"attempts":[]`,
		`9999999999999999999`, strings.Repeat("9", 20), strings.Repeat("x", 70000),
	}
	for name, e := range usual() {
		t.Run(name, func(t *testing.T) {
			line := audit.AppendLine(nil, e)
			for i := range line {
				for j := i + 1; j <= min(i+24, len(line)); j++ {
					check(append(bytes.Clone(line[:i]), line[j:]...))
					check(append(bytes.Clone(line[:j]), line[i:]...))
				}
				for _, bit := range bits {
					check(append(append(bytes.Clone(line[:i]), bit...), line[i:]...))
					check(append(append(bytes.Clone(line[:i]), bit...), line[i+1:]...))
				}
				for bit := range 8 {
					changed := bytes.Clone(line)
					changed[i] ^= 1 << bit
					check(changed)
				}
			}
			// Members in another order, and members of others.
			members := strings.SplitAfter(string(line), ",")
			for i := range members {
				for j := range members {
					m := append([]string{}, members...)
					m[i], m[j] = m[j], m[i]
					check([]byte(strings.Join(m, "")))
					m = append(append(append([]string{}, members[:i]...), members[j]), members[i:]...)
					check([]byte(strings.Join(m, "")))
				}
			}
		})
	}
}

// Fields at and around their caps, and values at the edges of their ranges.
func TestCanonicalAgrees(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.OneOf(
			rapid.StringN(0, 40, -1),
			rapid.Map(rapid.SampledFrom([]int{0, 1, 31, 32, 33, 63, 64, 65, 127, 128, 129, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 2047, 2048, 2049, 4096, 4097}),
				func(n int) string { return strings.Repeat("x", n) }),
		)
		number := rapid.OneOf(rapid.Int64(), rapid.Int64Range(-1, 70000))
		str := func(name string) string {
			if rapid.Bool().Draw(t, "has "+name) {
				return text.Draw(t, name)
			}
			return ""
		}
		num := func(name string) int64 {
			if rapid.Bool().Draw(t, "has "+name) {
				return number.Draw(t, name)
			}
			return 0
		}
		e := audit.Event{
			Index: rapid.Uint64().Draw(t, "index"), ID: str("id"),
			Kind:   rapid.SampledFrom([]audit.Kind{audit.KindIntent, audit.KindOutcome, audit.KindVerdict, audit.KindFinding, audit.KindAdmin, "other"}).Draw(t, "kind"),
			Time:   time.Unix(rapid.Int64Range(-1<<36, 1<<36).Draw(t, "time"), rapid.Int64Range(0, 999999999).Draw(t, "ns")),
			Origin: str("origin"), Principal: str("principal"), AccessKeyID: str("key"), SourceIP: str("ip"), SourcePort: uint16(num("port")),
			UserAgent: str("ua"), Operation: str("op"), ReadOnly: rapid.Bool().Draw(t, "ro"), Region: str("region"), ConnectionID: str("conn"), Path: str("path"),
			Decision: audit.Decision(str("decision")), Reason: str("reason"), Repeat: rapid.Bool().Draw(t, "repeat"), Cache: audit.CacheResult(str("cache")),
			Status: int(num("status")), ErrorClass: audit.ErrorClass(rapid.SampledFrom([]string{"", "none", "policy", "what"}).Draw(t, "class")), ErrorCode: str("code"),
			ResponseSHA256: str("sha"), ResponseBytes: num("bytes"), DurationUS: num("duration"), CommitUS: num("commit"), ClientGone: rapid.Bool().Draw(t, "gone"),
			Action: str("action"), Of: str("of"), OfAttempt: int(num("attempt")), State: str("state"), CloudTrailEventID: str("ct"), Evidence: str("evidence"),
			LagMS: num("lag"), Count: uint64(num("count")), Detail: str("detail"),
		}
		if rapid.Bool().Draw(t, "has tls") {
			e.TLS = &audit.TLS{Version: str("tls version"), Cipher: str("cipher"), Client: str("client")}
		}
		if rapid.Bool().Draw(t, "has fill") {
			e.Fill = &audit.Fill{EventID: str("fill event"), RequestID: str("fill request"), AgeMS: num("age")}
		}
		if rapid.Bool().Draw(t, "has upstream") {
			e.Upstream = &audit.Upstream{Account: str("account"), IdentityARN: str("arn"), AccessKeyID: str("upstream key"), Endpoint: str("endpoint")}
		}
		for range rapid.IntRange(0, 18).Draw(t, "attempts") {
			e.Attempts = append(e.Attempts, audit.Attempt{RequestID: str("request"), Status: int(num("attempt status")), ErrorCode: str("attempt code"), DurationUS: num("attempt duration")})
		}
		line := audit.AppendLine(nil, &e)
		// One more byte somewhere would exceed a cap that is met.
		at := rapid.IntRange(0, len(line)-1).Draw(t, "at")
		longer := append(append(bytes.Clone(line[:at]), line[at]), line[at:]...)
		for _, l := range [][]byte{line, longer} {
			if _, err := audit.ParseLine(l); err != nil && ledger.Canonical(l) {
				t.Fatalf("%s is recognized: %v", l, err)
			}
		}
	})
}

func FuzzCanonical(f *testing.F) {
	for _, e := range usual() {
		f.Add(audit.AppendLine(nil, e))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if !ledger.Canonical(line) {
			return
		}
		if _, err := audit.ParseLine(line); err != nil {
			t.Errorf("%q is recognized: %v", line, err)
		}
	})
}

func BenchmarkCanonical(b *testing.B) {
	l := line(1234567, "")
	b.Run("recognized", func(b *testing.B) {
		b.SetBytes(int64(len(l)))
		for b.Loop() {
			if !ledger.Canonical(l) {
				b.Fatal("not recognized")
			}
		}
	})
	b.Run("parsed", func(b *testing.B) {
		b.SetBytes(int64(len(l)))
		for b.Loop() {
			if _, err := audit.ParseLine(l); err != nil {
				b.Fatal(err)
			}
		}
	})
}
