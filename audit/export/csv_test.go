package export_test

import (
	"encoding/csv"
	"flag"
	"os"
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func checkGolden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got), accept with -update:\n%s", path, diff)
	}
}

func TestCSVGolden(t *testing.T) {
	got := write(t, export.Options{Format: export.CSV}, append(ofKinds(), fullEvent())...)
	checkGolden(t, "events.csv", got)
	rows := readCSV(t, got)
	if diff := cmp.Diff(export.Columns(), rows[0]); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

func TestCSVOfNothingIsItsHeader(t *testing.T) {
	if got, want := write(t, export.Options{Format: export.CSV}), strings.Join(export.Columns(), ",")+"\r\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func readCSV(t testing.TB, text string) [][]string {
	t.Helper()
	r := csv.NewReader(strings.NewReader(text))
	r.FieldsPerRecord = len(export.Columns())
	rows, err := r.ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if lines := strings.Count(text, "\r\n"); lines != len(rows) || strings.Count(text, "\n") != lines || strings.Count(text, "\r") != lines {
		t.Fatalf("%d rows do not stand in %d lines: %q", len(rows), lines, text)
	}
	return rows
}

// cellOf exports s in a column and returns the cell as a spreadsheet reads it,
// and the line.
func cellOf(t testing.TB, s string) (cell, line string) {
	t.Helper()
	text := write(t, export.Options{Format: export.CSV}, audit.Event{Kind: audit.KindOutcome, UserAgent: s})
	rows := readCSV(t, text)
	for i, name := range rows[0] {
		if name == "user_agent" {
			return rows[1][i], strings.TrimSuffix(text[strings.IndexByte(text, '\n')+1:], "\r\n")
		}
	}
	t.Fatal("there is no column user_agent")
	return "", ""
}

func TestCSVCell(t *testing.T) {
	tests := []struct{ name, value, cell string }{
		{"plain", "aws-cli/2.15.0 md/command#outposts.get-connection", "aws-cli/2.15.0 md/command#outposts.get-connection"},
		{"connection id", "aB+/c9==", "aB+/c9=="},
		{"lawful id that begins with =", "=1+1", "'=1+1"},
		{"lawful id that begins with +", "+cmd", "'+cmd"},
		{"only signs", "====", "'===="},
		{"minus", "-2+3", "'-2+3"},
		{"at", "@SUM(1;2)", "'@SUM(1;2)"},
		{"tab", "\t=1", `'\u0009=1`},
		{"carriage return", "\r=1", `'\u000d=1`},
		{"newline", "\n=1", `'\u000a=1`},
		{"full width", "＝1＋1", "'＝1＋1"},
		{"full width plus", "＋1", "'＋1"},
		{"full width minus", "－1", "'－1"},
		{"full width at", "＠SUM", "'＠SUM"},
		{"minus sign", "−1", "'−1"},
		{"behind spaces", "  =1", "'  =1"},
		{"behind an ideographic space", "\u3000=1", `\u3000=1`},
		{"behind something invisible", "\u200b=1", `\u200b=1`},
		{"behind a byte order mark", "\ufeff=1", `\ufeff=1`},
		{"apostrophe", "'=1", "''=1"},
		{"newline within", "a\r\n=1+1,b", `a\u000d\u000a=1+1,b`},
		{"quotes", `a"b",=1`, `a"b",=1`},
		{"a list separator of other countries", "x;=1+1", `x\u003b=1+1`},
		{"and behind spaces", "x;  @a", `x\u003b  @a`},
		{"a harmless one", "Mozilla/5.0 (X11; Linux)", "Mozilla/5.0 (X11; Linux)"},
		{"bidi", "a\u202egpj.exe", `a\u202egpj.exe`},
		{"terminal", "\x1b[2J\x00\x7f\u0085", `\u001b[2J\u0000\u007f\u0085`},
		{"beyond the basic plane", "\U000e0041😀", `\udb40\udc41😀`},
		{"backslash", `\u202e`, `\\u202e`},
		{"invalid bytes", "a\xffb", "a\ufffdb"},
		{"outer spaces", " a ", " a "},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cell, _ := cellOf(t, tt.value)
			if cell != tt.cell {
				t.Errorf("cell %q, want %q", cell, tt.cell)
			}
		})
	}
}

// FuzzCSVCell: whatever the value, the cell is inert, however it is read, and
// the value can be had back.
func FuzzCSVCell(f *testing.F) {
	for _, s := range []string{"", "=1+1", "+cmd|' /C calc'!A0", "@SUM(", "\t\r\n", "＝1", "'", "x;=1", ";;;=", "a,\"b\"", `\u0041`, "\u202e", "\xff", " =", "😀"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		cell, line := cellOf(t, s)
		check := func(how, text string) {
			switch r := []rune(strings.TrimLeft(text, " ") + "x")[0]; r {
			case '=', '+', '-', '@', '＝', '＋', '－', '＠':
				t.Errorf("%s: %q begins a formula, of %q", how, text, s)
			}
		}
		check("cell", cell)
		// Read by a spreadsheet that separates at semicolons or tabs.
		for part := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == '\t' }) {
			check("part of the line", part)
		}
		for _, r := range cell {
			if !unicode.IsPrint(r) {
				t.Errorf("cell %q of %q holds %q", cell, s, r)
			}
		}
		if got, want := uncell(t, cell), strings.ToValidUTF8(eachInvalid(s), "\ufffd"); got != want {
			t.Errorf("had back %q, want %q", got, want)
		}
	})
}

// eachInvalid replaces each invalid byte by itself, not each run.
func eachInvalid(s string) string { return string([]rune(s)) }

// uncell takes back what the documentation says is done to a value.
func uncell(t testing.TB, cell string) string {
	t.Helper()
	cell = strings.TrimPrefix(cell, "'")
	var units []uint16
	for rest := cell; rest != ""; {
		switch {
		case strings.HasPrefix(rest, `\\`):
			units, rest = append(units, '\\'), rest[2:]
		case strings.HasPrefix(rest, `\u`):
			n, err := strconv.ParseUint(rest[2:6], 16, 16)
			if err != nil {
				t.Fatalf("%q: %v", cell, err)
			}
			units, rest = append(units, uint16(n)), rest[6:]
		default:
			r := []rune(rest)[0]
			units, rest = utf16.AppendRune(units, r), rest[len(string(r)):]
		}
	}
	return string(utf16.Decode(units))
}

func TestCSVListsAreJoined(t *testing.T) {
	e := fullEvent()
	e.Attempts = []audit.Attempt{{Status: 503, ErrorCode: "=x"}, {RequestID: "+r", Status: 200, DurationUS: -3}, {}}
	e.Differences = []string{"a", "=b", "c,d"}
	rows := readCSV(t, write(t, export.Options{Format: export.CSV}, e))
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[1][i]
	}
	for name, want := range map[string]string{
		"attempt_request_ids": `\u003b+r;`, "attempt_statuses": "503;200;", "attempt_error_codes": "'=x;;",
		"attempt_durations_us": `\u003b-3;`, "differences": `a\u003b=b;c,d`, "truncated": "tls.client;user_agent", "lag_ms": "-900000",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}
