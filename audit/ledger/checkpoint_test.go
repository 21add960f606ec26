package ledger_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"golang.org/x/mod/sumdb/note"
)

// The example in the text of C2SP tlog-checkpoint.
const exampleCheckpoint = `example.com/behind-the-sofa
20852163
CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=
`

func TestParseCheckpoint(t *testing.T) {
	c, err := ledger.ParseCheckpoint(exampleCheckpoint)
	if err != nil {
		t.Fatal(err)
	}
	if c.Origin != "example.com/behind-the-sofa" || c.Size != 20852163 || c.Root.String() != "CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=" {
		t.Errorf("read %+v", c)
	}
	if c.Text() != exampleCheckpoint {
		t.Errorf("written as %q", c.Text())
	}
	extended, err := ledger.ParseCheckpoint(exampleCheckpoint + "extension\n")
	if err != nil || extended != c {
		t.Errorf("with an extension line: %+v, %v", extended, err)
	}
}

var badCheckpoints = map[string]string{
	"empty":             "",
	"no newline":        strings.TrimSuffix(exampleCheckpoint, "\n"),
	"two lines":         "o\n1\n",
	"empty origin":      "\n1\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n",
	"empty extension":   exampleCheckpoint + "\n",
	"leading zero":      strings.Replace(exampleCheckpoint, "\n2085", "\n02085", 1),
	"plus":              strings.Replace(exampleCheckpoint, "\n2085", "\n+2085", 1),
	"negative":          strings.Replace(exampleCheckpoint, "\n2085", "\n-2085", 1),
	"not a number":      strings.Replace(exampleCheckpoint, "\n2085", "\n2085x", 1),
	"too large":         strings.Replace(exampleCheckpoint, "20852163", "9223372036854775807", 1),
	"short root":        strings.Replace(exampleCheckpoint, "CsUY", "", 1),
	"root not base64":   strings.Replace(exampleCheckpoint, "CsUY", "C*UY", 1),
	"root with slack":   strings.Replace(exampleCheckpoint, "q2I=", "q2J=", 1),
	"root not padded":   strings.Replace(exampleCheckpoint, "q2I=", "q2I", 1),
	"root of 33 bytes":  strings.Replace(exampleCheckpoint, "q2I=", "q2IA", 1),
	"carriage returns":  strings.ReplaceAll(exampleCheckpoint, "\n", "\r\n"),
	"space in the size": strings.Replace(exampleCheckpoint, "\n2085", "\n 2085", 1),
}

func TestParseCheckpointRefused(t *testing.T) {
	for name, text := range badCheckpoints {
		t.Run(name, func(t *testing.T) {
			if c, err := ledger.ParseCheckpoint(text); err == nil {
				t.Errorf("%q is taken for %+v", text, c)
			}
		})
	}
}

func FuzzCheckpoint(f *testing.F) {
	f.Add(exampleCheckpoint)
	for _, text := range badCheckpoints {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, err := ledger.ParseCheckpoint(text)
		if err != nil {
			return
		}
		if !strings.HasPrefix(text, c.Text()) {
			t.Errorf("%q is written as %q", text, c.Text())
		}
	})
}

func signer(t testing.TB, name, seed string) (note.Signer, string) {
	t.Helper()
	private, public, err := note.GenerateKey(strings.NewReader(strings.Repeat(seed, 64)), name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	return s, public
}

func sign(t testing.TB, text string, signers ...note.Signer) []byte {
	t.Helper()
	signed, err := note.Sign(&note.Note{Text: text}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func TestOpenCheckpoint(t *testing.T) {
	const name = "example.com/behind-the-sofa"
	ours, key := signer(t, name, "a")
	other, otherKey := signer(t, name, "b")
	witness, _ := signer(t, "witness.example/w1", "c")
	foreign, foreignKey := signer(t, "example.com/another", "d")

	signed := sign(t, exampleCheckpoint, ours)
	tests := []struct {
		name    string
		signed  []byte
		keys    []string
		foreign bool // a signature is what is missing
		ok      bool
	}{
		{"ours", signed, []string{key}, false, true},
		{"ours among keys", signed, []string{otherKey, key, key}, false, true},
		{"cosigned", sign(t, exampleCheckpoint, witness, ours), []string{key}, false, true},
		{"by another key of the name", sign(t, exampleCheckpoint, other), []string{key}, true, false},
		{"by a witness only", sign(t, exampleCheckpoint, witness), []string{key}, true, false},
		{"by the key of another log", sign(t, exampleCheckpoint, foreign), []string{foreignKey}, false, false},
		{"changed", bytes.Replace(signed, []byte("20852163"), []byte("20852164"), 1), []string{key}, false, false},
		{"not a note", []byte(exampleCheckpoint), []string{key}, false, false},
		{"not a checkpoint", sign(t, "hello\n", ours), []string{key}, false, false},
		{"too long", append(bytes.Repeat([]byte("x\n"), ledger.MaxCheckpointBytes), signed...), []string{key}, false, false},
		{"no key", signed, nil, false, false},
		{"malformed key", signed, []string{"x"}, false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			c, err := ledger.OpenCheckpoint(tt.signed, tt.keys...)
			if (err == nil) != tt.ok {
				t.Fatalf("error is %v", err)
			}
			if _, foreign := errors.AsType[*ledger.SignatureError](err); foreign != tt.foreign {
				t.Errorf("error is %v", err)
			}
			if tt.ok && c.Size != 20852163 {
				t.Errorf("read %+v", c)
			}
		})
	}
}

// No byte of a checkpoint can be changed.
func TestOpenCheckpointEveryBit(t *testing.T) {
	ours, key := signer(t, "example.com/behind-the-sofa", "a")
	signed := sign(t, exampleCheckpoint, ours)
	for i := range signed {
		for bit := range 8 {
			changed := bytes.Clone(signed)
			changed[i] ^= 1 << bit
			if _, err := ledger.OpenCheckpoint(changed, key); err == nil {
				t.Errorf("bit %d of byte %d (%q) does not matter", bit, i, signed[i])
			}
		}
	}
}

func TestSplitCheckpoints(t *testing.T) {
	a := "o\n1\nroot\n\n— o sig\n"
	b := "o\n2\nroot\n\n— o sig\n— w sig\n"
	tests := []struct {
		name       string
		data       string
		want       []string
		incomplete int
	}{
		{"nothing", "", nil, 0},
		{"one", a, []string{a}, 0},
		{"two", a + b, []string{a, b}, 0},
		{"two apart", "\n\n" + a + "\n\n" + b + "\n", []string{a, b}, 0},
		{"interrupted at the end", a + "\n\no\n2\nro", []string{a}, 1},
		{"interrupted, then written on", "\n\no\n1\nro\n\n" + b, []string{b}, 1},
		{"interrupted in front of the signature", "\n\no\n1\nroot\n\n\n" + b, []string{b}, 1},
		{"interrupted in the signature", "o\n1\nroot\n\n— o s\n\n" + b, []string{"o\n1\nroot\n\n— o s\n", b}, 0},
		{"no newline at the end", strings.TrimSuffix(a, "\n"), nil, 1},
		{"signature without text", "— o sig\n\n" + a, []string{a}, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			notes, incomplete := ledger.SplitCheckpoints([]byte(tt.data))
			var got []string
			for _, n := range notes {
				got = append(got, string(n))
			}
			if strings.Join(got, "|") != strings.Join(tt.want, "|") || incomplete != tt.incomplete {
				t.Errorf("got %q and %d incomplete, want %q and %d", got, incomplete, tt.want, tt.incomplete)
			}
		})
	}
}

func FuzzSplitCheckpoints(f *testing.F) {
	f.Add([]byte("o\n1\nroot\n\n— o sig\n\n\no\n2\nro"))
	f.Fuzz(func(t *testing.T, data []byte) {
		notes, _ := ledger.SplitCheckpoints(data)
		for _, n := range notes {
			again, incomplete := ledger.SplitCheckpoints(n)
			if len(again) != 1 || incomplete != 0 || !bytes.Equal(again[0], n) {
				t.Errorf("%q splits into %q", n, again)
			}
		}
	})
}
