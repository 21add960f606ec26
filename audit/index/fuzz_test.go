package index_test

import (
	"database/sql"
	"math"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func FuzzParseCursor(f *testing.F) {
	for _, s := range []string{"", "b", "b0", "b00", "bz", "B1", "b-1", "b1 ", "b3w5e11264sgsf", "b3w5e11264sgsg", "1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		before, err := index.ParseCursor(s)
		if err == nil && index.EncodeCursor(before) != s {
			t.Errorf("%q means %d, whose cursor is %q", s, before, index.EncodeCursor(before))
		}
	})
}

func TestCursor(t *testing.T) {
	for _, before := range []uint64{0, 1, 35, 36, 1 << 40, math.MaxInt64, math.MaxUint64} {
		got, err := index.ParseCursor(index.EncodeCursor(before))
		if err != nil || got != before {
			t.Errorf("%d: %d, %v", before, got, err)
		}
	}
	l := newTestLog(t, t.TempDir())
	l.append(story()...)
	x := open(t, l)
	step(t, x)
	for _, s := range []string{"b", "0", "b-1", "b00", "bA", "b' OR 1", "b3w5e11264sgsg"} {
		if _, err := x.Query(t.Context(), index.Filter{}, s, 1); err == nil {
			t.Errorf("cursor %q is accepted", s)
		}
	}
	for _, before := range []uint64{0, 10, 11, math.MaxInt64, math.MaxUint64} {
		if _, err := x.Query(t.Context(), index.Filter{}, index.EncodeCursor(before), 1); err != nil {
			t.Errorf("cursor %d: %v", before, err)
		}
		if _, _, err := x.Callers(t.Context(), index.EncodeCursor(before), 1); err != nil {
			t.Errorf("cursor %d: %v", before, err)
		}
	}
}

// FuzzMatchExpression asks full text for what values contain: it must find each
// of them, whatever the text, and understand every expression.
func FuzzMatchExpression(f *testing.F) {
	for _, v := range []string{"installer-fra1", `a"b""c`, "NEAR(a b)", "x AND y OR z*", "^col:{a b}", "Zürich\x00=", "\xff\xfeabc", "ſK\u212a", "日本語日本", strings.Repeat("abcdef", 99)} {
		f.Add(v, uint16(0), uint16(9))
		f.Add(v, uint16(2), uint16(200))
	}
	db, err := sql.Open("sqlite", "file::memory:?cache=private")
	if err != nil {
		f.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	f.Cleanup(func() { _ = db.Close() })
	if _, err := db.Exec(`CREATE VIRTUAL TABLE words USING fts5(text, content='', columnsize=0, detail=none, tokenize='trigram')`); err != nil {
		f.Fatal(err)
	}
	row := 0
	f.Fuzz(func(t *testing.T, value string, from, length uint16) {
		value = strings.ToValidUTF8(value, "\ufffd")
		low := min(int(from), len(value))
		q := value[low:min(low+int(length), len(value))]
		expression := index.MatchExpression(q)
		if expression == "" {
			return
		}
		row++
		if _, err := db.Exec(`INSERT INTO words (rowid, text) VALUES (?, ?)`, row, index.IndexedText(value)); err != nil {
			t.Fatal(err)
		}
		for _, swapped := range []string{q, strings.Map(swapASCII, q)} {
			var n int
			if err := db.QueryRow(`SELECT count(*) FROM words WHERE words MATCH ? AND rowid = ?`, index.MatchExpression(swapped), row).Scan(&n); err != nil {
				t.Fatalf("%q: %v", swapped, err)
			}
			if n != 1 {
				t.Errorf("%q, part of %q, is not found with %s", swapped, value, index.MatchExpression(swapped))
			}
		}
	})
}

func swapASCII(r rune) rune {
	switch {
	case 'a' <= r && r <= 'z':
		return r - 'a' + 'A'
	case 'A' <= r && r <= 'Z':
		return r - 'A' + 'a'
	}
	return r
}

// FuzzIDs compares the ranges in which ids are looked for with the ids.
func FuzzIDs(f *testing.F) {
	for _, id := range []string{idMiss, idHit, strings.ToUpper(idMiss), "req-1", "", "\x00", "\xff", strings.Repeat("a", 36)} {
		f.Add(id, idMiss[:9], uint8(11))
	}
	f.Fuzz(func(t *testing.T, id, other string, n uint8) {
		for _, prefix := range []string{id[:min(int(n), len(id))], other} {
			if index.HasIDPrefix(id, prefix) && !index.InRange(id, prefix) {
				t.Errorf("%q is not looked for with %q", id, prefix)
			}
		}
		if !index.HasIDPrefix(id, id[:min(int(n), len(id))]) {
			t.Errorf("%q does not begin with its beginning", id)
		}
		if (index.IDKey(id) == index.IDKey(other)) != (id == other) {
			t.Errorf("%q and %q: keys %q and %q", id, other, index.IDKey(id), index.IDKey(other))
		}
	})
}

// FuzzDecode feeds the decoders of what is stored.
func FuzzDecode(f *testing.F) {
	for _, b := range []string{"", "\x00", "\x01\x00\x02\x00", "\x02\x00\x01\x00", "\x00\x02\x02\x01\x02\x02", "\x80", strings.Repeat("\xff", 2048)} {
		f.Add([]byte(b))
	}
	f.Fuzz(func(t *testing.T, b []byte) { index.DecodeAll(t, b) })
}

// FuzzContainsFold compares with audit.Filter, whose meaning it has.
func FuzzContainsFold(f *testing.F) {
	f.Add("installer-FRA1", "fra")
	f.Add("Zürich", "ÜR")
	f.Fuzz(func(t *testing.T, s, part string) {
		if part == "" {
			return
		}
		want := audit.Filter{Q: part}
		if got := index.ContainsFold(s, part); got != want.Match(&audit.Event{Principal: s}) {
			t.Errorf("%q in %q: %v", part, s, got)
		}
	})
}
