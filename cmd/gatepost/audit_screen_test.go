package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"golang.org/x/sys/unix"

	"github.com/gatepost-proxy/gatepost/audit"
)

// berlin is an hour ahead of UTC, two in summer.
func berlin(t testing.TB) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func records(events ...audit.Event) []record {
	var all []record
	for _, e := range events {
		all = append(all, record{event: e})
	}
	return all
}

// onScreen is what a terminal of that width is given, without colours.
func onScreen(t testing.TB, width int, zone *time.Location, v verdicts, events ...audit.Event) []string {
	t.Helper()
	var out strings.Builder
	s := newScreen(&out, func() int { return width }, zone, eventCells{verdicts: v})
	for _, r := range records(events...) { // one by one, as they stream
		if err := s.write([]record{r}); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
}

// hostileEvents hold text that would like to break out of its cell.
func hostileEvents() []audit.Event {
	events := sampleLog()
	for i, text := range []string{
		"\x1b[2J\x1b]0;owned\a", "a\tb\r\nc\x00", "\u202egpj.exe\u2066", "z\u0335\u0321\u0354\u0353a\u0335l", strings.Repeat("漢字", 40), "👩‍👩‍👧‍👦🏳️‍🌈",
		"\xff\xfe", strings.Repeat("long", 60), "\u00a0\u2003\u3000", "\u2028\u2029\ufeff\u200b",
	} {
		e := events[i%len(events)]
		e.Principal, e.Operation, e.ConnectionID, e.State, e.Detail, e.Reason, e.Action = text, text, text, text, text, text, text
		e.Decision, e.ErrorCode, e.ID = audit.Deny, text, text
		events = append(events, e)
	}
	return events
}

// Whatever stands in the log, a line is no wider than the terminal, its columns
// begin where the header's do, and nothing in it acts upon the terminal.
func TestScreenHoldsItsColumns(t *testing.T) {
	for width := 50; width <= 260; width += 7 {
		for _, v := range []verdicts{nil, {}} {
			lines := onScreen(t, width, time.UTC, v, hostileEvents()...)
			var begins []int // of each column, in the terminal's columns
			for _, at := range regexp.MustCompile(`(?:^|  )\S`).FindAllStringIndex(lines[0], -1) {
				begins = append(begins, at[1]-1)
			}
			for _, line := range lines {
				if n := cellsOf(line); n > width {
					t.Fatalf("%d columns of %d: %q", n, width, line)
				}
				for _, r := range line {
					if hidden(r) || unicode.IsMark(r) {
						t.Fatalf("%U on the screen: %q", r, line)
					}
				}
				for _, at := range begins[1:] {
					before, after := columnAt(line, at-2), columnAt(line, at)
					if before != "  " || strings.HasPrefix(after, " ") {
						t.Fatalf("width %d: column %d begins out of line:\n%s\n%s", width, at, lines[0], line)
					}
				}
			}
		}
	}
}

// columnAt is the two columns of a line from there on.
func columnAt(line string, at int) string {
	n := 0
	for i, r := range line {
		if n >= at {
			return line[i:min(len(line), i+2)]
		}
		n += runeCells(r)
	}
	return "?"
}

func TestScreenGolden(t *testing.T) {
	var b strings.Builder
	for _, width := range []int{60, 80, 120, 200} {
		v := verdicts{sampleID(2): {{1, "matched"}}, sampleID(6): {{0, "missing"}}}
		fmt.Fprintf(&b, "%s\n%s\n\n", strings.Repeat("=", width), strings.Join(onScreen(t, width, berlin(t), v, sampleLog()...), "\n"))
	}
	checkGolden(t, "audit-screen.golden", b.String())
}

// The header comes first, and again when what it says or where it stands changes.
func TestScreenTellsOfChanges(t *testing.T) {
	winter := audit.Event{Time: time.Date(2026, 10, 25, 1, 30, 0, 0, time.UTC), Kind: audit.KindSystem, Action: "start", Index: 7}
	summer, later := winter, winter
	summer.Time = winter.Time.Add(-time.Hour)
	later.Time, later.Index = winter.Time.Add(time.Hour), 12_345_678

	width := 80
	var out strings.Builder
	s := newScreen(&out, func() int { return width }, berlin(t), eventCells{})
	write := func(e audit.Event) []string {
		t.Helper()
		out.Reset()
		if err := s.write(records(e)); err != nil {
			t.Fatal(err)
		}
		return strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	}
	for _, step := range []struct {
		name   string
		event  audit.Event
		width  int
		header string // what it begins with; "" is none
	}{
		{"the first row", summer, 80, "TIME CEST       INDEX   PRINCIPAL"},
		{"one more", summer, 80, ""},
		{"the end of summer time", winter, 80, "TIME CET        INDEX   PRINCIPAL"},
		{"an index of more digits", later, 80, "TIME CET        INDEX     PRINCIPAL"},
		{"smaller indices again", winter, 80, ""},
		{"a wider terminal", winter, 140, "TIME CET                 INDEX     "},
		{"as wide as before", winter, 140, ""},
	} {
		width = step.width
		lines := write(step.event)
		if got := len(lines) == 2; got != (step.header != "") || got && !strings.HasPrefix(lines[0], step.header) {
			t.Errorf("%s: want the header %q, got\n%s", step.name, step.header, strings.Join(lines, "\n"))
		}
	}
}

func TestColours(t *testing.T) {
	c := eventCells{colours: palette{on: true}, verdicts: verdicts{"1": {{0, "missing"}}, "2": {{0, "matched"}}}}
	const red, green, yellow, faint, plain = "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[2m", ""
	call := func(change func(*audit.Event)) audit.Event {
		e := audit.Event{Kind: audit.KindOutcome, Status: 200, Decision: audit.Allow, Cache: audit.CacheMiss, ErrorClass: audit.ErrorClassNone}
		change(&e)
		return e
	}
	for _, tc := range []struct {
		name   string
		event  audit.Event
		column eventColumn
		want   string
	}{
		{"an answer", call(func(*audit.Event) {}), c.status(), green},
		{"a caller's error", call(func(e *audit.Event) { e.Status = 404 }), c.status(), yellow},
		{"a failure", call(func(e *audit.Event) { e.Status = 503 }), c.status(), red},
		{"a hit", call(func(e *audit.Event) { e.Cache = audit.CacheHit }), c.cache(), green},
		{"a miss", call(func(*audit.Event) {}), c.cache(), plain},
		{"denied", call(func(e *audit.Event) { e.Decision = audit.Deny }), c.result(), red},
		{"not found", call(func(e *audit.Event) { e.ErrorClass = audit.ErrorClassNotFound }), c.result(), yellow},
		{"out of reach", call(func(e *audit.Event) { e.ErrorClass = audit.ErrorClassUpstreamConnect }), c.result(), red},
		{"fine", call(func(*audit.Event) {}), c.result(), plain},
		{"missing", call(func(e *audit.Event) { e.ID = "1" }), c.state(), red},
		{"matched", call(func(e *audit.Event) { e.ID = "2" }), c.state(), green},
		{"late", audit.Event{Kind: audit.KindVerdict, State: "late"}, c.state(), yellow},
		{"derived", audit.Event{Kind: audit.KindVerdict, State: "derived"}, c.state(), faint},
		{"a bypass", audit.Event{Kind: audit.KindFinding, State: "bypass"}, c.result(), red},
		{"an expected caller", audit.Event{Kind: audit.KindFinding, State: "known_direct"}, c.result(), faint},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := tc.column.cell(&tc.event)
			text := got.text
			if got.paint != nil {
				text = got.paint(text)
			}
			if code, _, painted := strings.Cut(text, got.text); code != tc.want || !painted || got.text == "" {
				t.Errorf("%q, want it to begin with %q", text, tc.want)
			}
		})
	}
}

func FuzzScreenText(f *testing.F) {
	for _, e := range hostileEvents() {
		f.Add(e.Principal, 12)
	}
	f.Fuzz(func(t *testing.T, s string, width int) {
		width = max(1, min(width, 500))
		text := inert(s)
		if i := strings.IndexFunc(text, func(r rune) bool { return hidden(r) || unicode.IsMark(r) }); i >= 0 || !utf8.ValidString(text) {
			t.Fatalf("%q of %q is not inert at %d", text, s, i)
		}
		short := cut(text, width)
		switch n := cellsOf(short); {
		case n > width:
			t.Fatalf("%q takes %d columns of %d", short, n, width)
		case cellsOf(text) <= width && short != text:
			t.Fatalf("%q was cut to %q", text, short)
		case cellsOf(text) > width && (!strings.HasSuffix(short, "…") || n < width-1):
			t.Fatalf("%q was cut to %q, in %d columns of %d", text, short, n, width)
		}
	})
}

// terminal is a pseudo terminal and what was written to it.
type terminal struct {
	side *os.File // the program's

	mu      sync.Mutex
	written strings.Builder
}

func openTerminal(t *testing.T, width uint16) *terminal {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("GATEPOST_TEST_REQUIRE") == "all" {
			t.Fatal(err)
		}
		t.Skip(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	number, err := unix.IoctlGetUint32(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	side, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", number), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { side.Close() })
	term := &terminal{side: side}
	term.resize(t, width)
	go func() {
		buf := make([]byte, 4096)
		for {
			n, err := master.Read(buf)
			if err != nil {
				return
			}
			term.mu.Lock()
			term.written.Write(buf[:n])
			term.mu.Unlock()
		}
	}()
	return term
}

func (t *terminal) resize(tb testing.TB, width uint16) {
	tb.Helper()
	if err := unix.IoctlSetWinsize(int(t.side.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: width}); err != nil {
		tb.Fatal(err)
	}
}

// lines are those that were written to their end.
func (t *terminal) lines() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	lines := strings.Split(t.written.String(), "\r\n")
	return lines[:len(lines)-1]
}

// The real command on a terminal, as its owner has set that up.
func TestAuditOnATerminal(t *testing.T) {
	sgr := regexp.MustCompile("\x1b\\[[0-9;]*m")
	for _, tc := range []struct {
		name    string
		env     []string
		width   uint16
		colours bool
		widest  int
	}{
		{"colours", []string{"TERM=xterm-256color"}, 100, true, 100},
		{"NO_COLOR", []string{"TERM=xterm-256color", "NO_COLOR=1"}, 100, false, 100},
		{"dumb", []string{"TERM=dumb"}, 100, false, 100},
		{"a serial line", []string{"TERM=vt100", "NO_COLOR=1"}, 0, false, 80},
		{"a serial line with COLUMNS", []string{"TERM=vt100", "COLUMNS=132"}, 0, true, 132},
	} {
		t.Run(tc.name, func(t *testing.T) {
			term := openTerminal(t, tc.width)
			cmd := exec.Command("gatepost", "audit", "tail", "-n", "20", "-d", sampleDir)
			cmd.Env = append(os.Environ(), "TZ=UTC", "NO_COLOR=", "COLUMNS=")
			cmd.Env = append(cmd.Env, tc.env...)
			cmd.Stdout = term.side
			if err := cmd.Run(); err != nil {
				t.Fatal(err)
			}
			waitFor(t, "the last row", func() bool { return strings.Contains(strings.Join(term.lines(), "\n"), "cache_pur") })
			lines := term.lines()
			if got := strings.Contains(strings.Join(lines, ""), "\x1b["); got != tc.colours {
				t.Errorf("colours %v, want %v", got, tc.colours)
			}
			widest := 0
			for _, line := range lines {
				text := sgr.ReplaceAllString(line, "")
				checkPrintable(t, text)
				widest = max(widest, cellsOf(text))
			}
			if widest > tc.widest || widest < tc.widest/2 {
				t.Errorf("%d columns wide, want at most %d:\n%s", widest, tc.widest, strings.Join(lines, "\n"))
			}
		})
	}
}

// Rows that stream into a terminal stay in line, and a resized one is filled anew.
func TestAuditTailOnATerminal(t *testing.T) {
	dir := copyLog(t)
	segment, err := os.OpenFile(filepath.Join(dir, fmt.Sprintf("segment-%020d.jsonl", 7)), os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer segment.Close()
	index := uint64(15)
	call := func(principal string) {
		t.Helper()
		index++
		e := audit.Event{
			Index: index, ID: audit.NewID(time.Now()), Kind: audit.KindOutcome, Time: time.Now(), Origin: "gatepost/fra1",
			Principal: principal, Operation: "GetConnection", Decision: audit.Allow, Status: 200, ErrorClass: audit.ErrorClassNone,
		}
		if _, err := segment.Write(append(audit.AppendLine(nil, &e), '\n')); err != nil {
			t.Fatal(err)
		}
	}

	term := openTerminal(t, 80)
	cmd := exec.CommandContext(t.Context(), "gatepost", "audit", "tail", "-f", "-n", "1", "-d", dir)
	cmd.Env = append(os.Environ(), "TZ=UTC", "NO_COLOR=1")
	cmd.Stdout = term.side
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Wait() }) // t.Context is done by now, so it has been killed
	line := func(n int) string {
		t.Helper()
		waitFor(t, fmt.Sprintf("line %d", n), func() bool { return len(term.lines()) > n })
		return term.lines()[n]
	}
	header := line(0)
	line(1)
	call("short")
	call(strings.Repeat("installer-", 12))
	for _, n := range []int{2, 3} {
		if got := line(n); columnOf(got, "GetConnection") != columnOf(header, "OPERATION") || cellsOf(got) > 80 {
			t.Errorf("out of line:\n%s\n%s", header, got)
		}
	}
	term.resize(t, 160)
	call("short")
	wider, row := line(4), line(5)
	if !strings.HasPrefix(wider, "TIME UTC") || len(wider) <= 80 || columnOf(row, "GetConnection") != columnOf(wider, "OPERATION") {
		t.Errorf("resized:\n%s\n%s", wider, row)
	}
}

// columnOf is the terminal's column in which text begins.
func columnOf(line, text string) int {
	before, _, found := strings.Cut(line, text)
	if !found {
		return -1
	}
	return cellsOf(before)
}
