package cloudtrail_test

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// decode returns the ids of the records of a file and, between them, the errors
// that concern one; and the error at the end.
func decode(r io.Reader) ([]string, error) {
	var got []string
	for d := cloudtrail.NewDecoder(r); ; {
		r, err := d.Next()
		if malformed, ok := errors.AsType[*cloudtrail.MalformedError](err); ok {
			got = append(got, fmt.Sprintf("malformed at %d", malformed.Offset))
			continue
		}
		if err != nil {
			return got, err
		}
		got = append(got, r.EventID)
	}
}

func ours(id string) string {
	return strings.Replace("{"+least+`,"userAgent":"a \"b\\"}`, `"e1"`, `"`+id+`"`, 1)
}

func TestDecoder(t *testing.T) {
	other := strings.Replace(ours("other"), "outposts", "glue", 1)
	mentions := strings.Replace(other, `"a `, `"outposts.amazonaws.com `, 1)
	for _, tt := range []struct {
		name, file string
		want       []string
		err        string // of the end; "" is io.EOF
	}{
		{"two", `{"Records":[` + ours("e1") + `,` + ours("e2") + `]}`, []string{"e1", "e2"}, ""},
		{"white space", " { \"Records\" :\n[ " + ours("e1") + "\t,\r\n" + ours("e2") + " ] } \n", []string{"e1", "e2"}, ""},
		{"other services between", `{"Records":[` + other + `,` + ours("e1") + `,` + mentions + `,` + other + `]}`, []string{"e1"}, ""},
		{"the service's name escaped", `{"Records":[` + strings.Replace(ours("e1"), "outposts", `\u006futposts`, 1) + `]}`, []string{"e1"}, ""},
		{"no records", `{"Records":[]}`, nil, ""},
		{"null", `{"Records":null}`, nil, ""},
		{"other members", `{"a":{"Records":[1]},"b":"]","c":-1.5e3,"d":[[],{}],"Records":[` + ours("e1") + `],"e":true,"f":null}`, []string{"e1"}, ""},
		{"a malformed one between", `{"Records":[` + ours("e1") + `,` + strings.Replace(ours("e2"), "1.11", "2.0", 1) + `,` + ours("e3") + `]}`, []string{"e1", fmt.Sprintf("malformed at %d", 13+len(ours("e1"))), "e3"}, ""},
		{"one that is no JSON within its brackets", `{"Records":[` + strings.Replace(ours("e1"), `,"`, `"`, 1) + `,` + ours("e2") + `]}`, []string{"malformed at 12", "e2"}, ""},

		{"nothing", ``, nil, "byte 0: unexpected EOF"},
		{"not JSON", `hello`, nil, `byte 0: 'h' in place of '{'`},
		{"a list", `[` + ours("e1") + `]`, nil, `byte 0: '[' in place of '{'`},
		{"a digest", `{"awsAccountId":"1"}`, nil, "byte 20: a log file without Records"},
		{"Records in other letters", `{"records":[]}`, nil, "without Records"},
		{"Records twice", `{"Records":[],"Records":[]}`, nil, "byte 24: a second list of Records"},
		{"Records of another type", `{"Records":{}}`, nil, "the Records are no list"},
		{"cut off behind a record", `{"Records":[` + ours("e1"), []string{"e1"}, "unexpected EOF"},
		{"cut off within a record", `{"Records":[` + ours("e1") + "," + ours("e2")[:50], []string{"e1"}, "unexpected EOF"},
		{"cut off behind the list", `{"Records":[` + ours("e1") + "]", []string{"e1"}, "unexpected EOF"},
		{"no comma", `{"Records":[` + ours("e1") + ours("e2") + `]}`, []string{"e1"}, `'{' in place of ','`},
		{"a comma too many", `{"Records":[` + ours("e1") + `,]}`, []string{"e1"}, `']' in place of a record`},
		{"a comma first", `{"Records":[,` + ours("e1") + `]}`, nil, `',' in place of a record`},
		{"a record that is none", `{"Records":[` + ours("e1") + `,1]}`, []string{"e1"}, `'1' in place of a record`},
		{"brackets that do not match", `{"Records":[{"a":[1}]]}`, nil, `byte 19: unexpected '}'`},
		{"too deep", `{"Records":[{"a":` + strings.Repeat("[", 2000), nil, "nested too deeply"},
		{"too large", `{"Records":[{"a":"` + strings.Repeat("x", cloudtrail.MaxRecordBytes+9), nil, "more bytes than a record can have"},
		{"a member without a value", `{"a":,"Records":[]}`, nil, "byte 5: unexpected ','"},
		{"a member without a name", `{1:2}`, nil, `byte 1: '1' in place of a member`},
		{"more behind the end", `{"Records":[` + ours("e1") + `]}{}`, []string{"e1"}, `'{' behind the end`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for name, r := range map[string]io.Reader{
				"at once":      strings.NewReader(tt.file),
				"byte by byte": iotest.OneByteReader(strings.NewReader(tt.file)),
				"with the end": iotest.DataErrReader(strings.NewReader(tt.file)),
				"in halves":    iotest.HalfReader(strings.NewReader(tt.file)),
				"with pauses":  &emptyReader{r: strings.NewReader(tt.file)},
			} {
				if len(tt.file) > cloudtrail.MaxRecordBytes && name != "at once" {
					continue
				}
				got, err := decode(r)
				if diff := cmp.Diff(tt.want, got); diff != "" {
					t.Errorf("%s: records (-want +got):\n%s", name, diff)
				}
				switch {
				case tt.err == "" && err != io.EOF:
					t.Errorf("%s: error at the end: %v", name, err)
				case tt.err != "" && (err == io.EOF || !strings.Contains(err.Error(), tt.err)):
					t.Errorf("%s: error %q, want one with %q", name, err, tt.err)
				}
			}
		})
	}
}

// emptyReader returns nothing at times, as a reader may.
type emptyReader struct {
	r     io.Reader
	calls int
}

func (e *emptyReader) Read(p []byte) (int, error) {
	if e.calls++; e.calls%2 == 1 {
		return 0, nil
	}
	return e.r.Read(p[:min(len(p), 7)])
}

// A reader's own error, such as that of a broken gzip file, comes behind the
// records that were read before it, with its place.
func TestDecoderReadError(t *testing.T) {
	broken := errors.New("broken")
	head := `{"Records":[` + ours("e1") + `,` + ours("e2")
	got, err := decode(io.MultiReader(strings.NewReader(head), iotest.ErrReader(broken)))
	if diff := cmp.Diff([]string{"e1", "e2"}, got); diff != "" {
		t.Errorf("records (-want +got):\n%s", diff)
	}
	if want := fmt.Sprintf("byte %d: broken", len(head)); !errors.Is(err, broken) || err.Error() != want {
		t.Errorf("error %v, want %s", err, want)
	}

	whole := `{"Records":[` + ours("e1") + `]}`
	got, err = decode(io.MultiReader(strings.NewReader(whole), iotest.ErrReader(broken)))
	if len(got) != 1 || !errors.Is(err, broken) {
		t.Errorf("a bad checksum at the end: %v, %v", got, err)
	}
}

// A file of any size takes the memory of a few records.
func TestDecoderMemory(t *testing.T) {
	other := strings.Replace(ours("x"), "outposts", "glue", 1)
	records := strings.Repeat(other+",", 1000)
	var parts []io.Reader
	parts = append(parts, strings.NewReader(`{"Records":[`))
	for range 200 {
		parts = append(parts, strings.NewReader(records))
	}
	parts = append(parts, strings.NewReader(ours("e1")+`]}`))
	file := io.MultiReader(parts...)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	got, err := decode(file)
	runtime.ReadMemStats(&after)
	if len(got) != 1 || err != io.EOF {
		t.Fatalf("%v, %v", got, err)
	}
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 1<<20 {
		t.Errorf("%d bytes allocated for a file of %d", allocated, 200*len(records))
	}
}

func FuzzDecoder(f *testing.F) {
	f.Add([]byte(`{"a":{"b":[1,"\\\""]},"Records":[` + ours("e1") + `,{}]}`))
	f.Add([]byte(`{"Records":[{"a":"\\"},{"eventSource":"outposts.amazonaws.com"}]}`))
	f.Fuzz(func(t *testing.T, file []byte) {
		whole, err := decode(strings.NewReader(string(file)))
		parts, err2 := decode(iotest.OneByteReader(strings.NewReader(string(file))))
		if diff := cmp.Diff(whole, parts); diff != "" || err.Error() != err2.Error() {
			t.Errorf("depends on the reader: %v, %v\n%s", err, err2, diff)
		}
	})
}

func BenchmarkDecoder(b *testing.B) {
	data, err := os.ReadFile("testdata/set-site-address.json")
	if err != nil {
		b.Fatal(err)
	}
	other := strings.ReplaceAll(string(data), "outposts", "glue")
	file := `{"Records":[` + strings.Repeat(other+",", 5000) + string(data) + `]}`
	b.SetBytes(int64(len(file)))
	b.ReportAllocs()
	for b.Loop() {
		if got, err := decode(strings.NewReader(file)); len(got) != 1 || err != io.EOF {
			b.Fatal(len(got), err)
		}
	}
}
