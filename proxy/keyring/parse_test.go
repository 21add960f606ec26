package keyring_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

const documentedExample = `keys:
  - id: GPK7Q2M4X6ZB3N5C8V1L       # 20 characters
    secret: "SECRET+0123456789012345678901234567890123456789"
    principal: installer-fra1
    expires: 2027-03-01T00:00:00Z   # optional
    disabled: false
    allow:
      - operations: [GetConnection, StartConnection]
        regions: [us-west-2]
        connections: ["*"]
`

func TestParseAccepts(t *testing.T) {
	secret := secretOf(idA)
	for _, tc := range []struct {
		name, text string
		want       []string
	}{
		{"the documented example", documentedExample, []string{"GPK7Q2M4X6ZB3N5C8V1L"}},
		{"no keys", "keys: []\n", nil},
		{"no policy", keysText(entry(idA, "p")), []string{idA}},
		{"an empty policy", keysText(entry(idA, "p", "allow: []")), []string{idA}},
		{"several keys of one principal", keysText(entry(idA, "p", allowAll), entry(idB, "p", allowAll)), []string{idA, idB}},
		{"an id not of our making", keysText(entry("01234567890123456ABC", "p")), []string{"01234567890123456ABC"}},
		{"JSON", fmt.Sprintf(`{"keys": [{"id": %q, "secret": %q, "principal": "p"}]}`, idA, secret), []string{idA}},
		{"a document marker", "---\n" + keysText(entry(idA, "p")), []string{idA}},
		{"Windows line ends", strings.ReplaceAll(keysText(entry(idA, "p", allowAll)), "\n", "\r\n"), []string{idA}},
		{"a time with an offset", keysText(entry(idA, "p", "expires: 2027-03-01T01:00:00+01:00")), []string{idA}},
		{"every kind of operation", keysText(entry(idA, "p", `allow: [{operations: [GetConnection, read-only, "*", Unknown]}]`)), []string{idA}},
		{"a principal with spaces and letters", keysText(entry(idA, `"Zoë, Fra 1"`)), []string{idA}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got, err := keyring.Parse([]byte(tc.text), region)
			if err != nil {
				t.Fatalf("refused:\n%v\n%s", err, tc.text)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("ids (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseFaults(t *testing.T) {
	for _, tc := range []struct {
		name, text string
		want       string // the only fault, or its beginning
	}{
		{"nothing", "", "keys.yaml: is empty"},
		{"an empty mapping", "{}\n", "keys.yaml:1:1: is empty"},
		{"keys without a value", "keys:\n", "keys.yaml:1:7: keys: has no value"},
		{"unknown key at the top", "keys: []\nkyes: []\n", `keys.yaml:2:1: unknown key "kyes"; known are keys`},
		{"a key that is no mapping", "keys:\n  - abc\n", "keys.yaml:2:5: keys[0]: is string; it needs a mapping"},
		{"a key that is nothing", "keys:\n  -\n", "keys.yaml:2:5: keys[0]: has no value"},
		{"unknown key of a key", keysText(entry(idA, "p", "disable: true")), `keys.yaml:5:5: keys[0]: unknown key "disable"; known are id, secret, principal, expires, disabled, allow`},
		{"field given twice", keysText(entry(idA, "p", "disabled: true", "disabled: false")), "keys.yaml:6:5: keys[0].disabled: is already given on line 5"},
		{"id of AWS", keysText(entry("AKIAIOSFODNN7EXAMPLE", "p")), "keys.yaml:2:9: keys[0].id: this is an access key id of AWS"},
		{"session id of AWS", keysText(entry("ASIAIOSFODNN7EXAMPLE", "p")), "keys.yaml:2:9: keys[0].id: this is an access key id of AWS"},
		{"short id", keysText(entry("GPK123", "p")), "keys.yaml:2:9: keys[0].id: an id has 20 characters of A-Z and 0-9"},
		{"long id", keysText(entry(idA+"A", "p")), "keys.yaml:2:9: keys[0].id: an id has 20 characters"},
		{"id in lower case", keysText(entry(strings.ToLower(idA), "p")), "keys.yaml:2:9: keys[0].id: an id has 20 characters"},
		{"id that is a number", keysText(entry("12345678901234567890", "p")), "keys.yaml:2:9: keys[0].id: is int; it needs text; put it in quotation marks"},
		{"id given to two keys", keysText(entry(idA, "p"), entry(idA, "q")), "keys.yaml:5:9: keys[1].id: " + idA + " is already on line 2"},
		{"no id", "keys:\n  - secret: " + secretOf(idA) + "\n    principal: p\n", "keys.yaml:2:5: keys[0].id: is missing"},
		{"no secret", "keys:\n  - id: " + idA + "\n    principal: p\n", "keys.yaml:2:5: keys[0].secret: is missing"},
		{"no principal", "keys:\n  - id: " + idA + "\n    secret: " + secretOf(idA) + "\n", "keys.yaml:2:5: keys[0].principal: is missing"},
		{"short secret", fmt.Sprintf("keys: [{id: %s, secret: %s, principal: p}]", idA, secretOf("")[:12]), "keys.yaml:1:43: keys[0].secret: a secret has 40 characters or more, this one 12"},
		{"secret with a space", fmt.Sprintf("keys: [{id: %s, secret: %q, principal: p}]", idA, secretOf(idA)+" x"), "keys.yaml:1:43: keys[0].secret: a secret is printable ASCII without spaces"},
		{"empty principal", keysText(entry(idA, `""`)), "keys.yaml:4:16: keys[0].principal: principal is empty"},
		{"principal without a value", keysText(entry(idA, "")), "keys.yaml:4:16: keys[0].principal: has no value"},
		{"principal with a line break", keysText(entry(idA, `"a\nb"`)), "keys.yaml:4:16: keys[0].principal: a principal holds printable"},
		{"principal with a bidi override", keysText(entry(idA, `"a\u202Eb"`)), "keys.yaml:4:16: keys[0].principal: a principal holds printable"},
		{"principal that is a truth", keysText(entry(idA, "true")), "keys.yaml:4:16: keys[0].principal: is boolean; it needs text"},
		{"a day for a time", keysText(entry(idA, "p", "expires: 2027-03-01")), "keys.yaml:5:14: keys[0].expires: this is not a time of this century; write it as 2027-03-01T00:00:00Z"},
		{"a time before there were keys", keysText(entry(idA, "p", "expires: 0001-01-01T00:00:00Z")), "keys.yaml:5:14: keys[0].expires: this is not a time of this century"},
		{"disabled that is text", keysText(entry(idA, "p", `disabled: "true"`)), "keys.yaml:5:15: keys[0].disabled: is string; it needs true or false"},
		{"allow that is no list", keysText(entry(idA, "p", "allow: all")), "keys.yaml:5:12: keys[0].allow: is string; it needs a list"},
		{"allow without operations", keysText(entry(idA, "p", "allow: [{regions: [us-west-2]}]")), "keys.yaml:5:14: keys[0].allow[0].operations: is missing"},
		{"operations that are none", keysText(entry(idA, "p", "allow: [{operations: []}]")), "keys.yaml:5:26: keys[0].allow[0].operations: is an empty list"},
		{"an operation in another case", keysText(entry(idA, "p", "allow: [{operations: [getConnection]}]")), `keys.yaml:5:27: keys[0].allow[0].operations[0]: "getConnection" is not an operation`},
		{"an operation of another service", keysText(entry(idA, "p", "allow: [{operations: [GetConnection, GetObject]}]")), `keys.yaml:5:42: keys[0].allow[0].operations[1]: "GetObject" is not an operation`},
		{"a region that is not served", keysText(entry(idA, "p", `allow: [{operations: ["*"], regions: [eu-west-1]}]`)), `keys.yaml:5:43: keys[0].allow[0].regions[0]: region "eu-west-1" is not served; upstream.regions has us-west-2`},
		{"a pattern that can match nothing", keysText(entry(idA, "p", `allow: [{operations: ["*"], connections: ["a.b"]}]`)), `keys.yaml:5:47: keys[0].allow[0].connections[0]: pattern holds "."`},
		{"connections that are none", keysText(entry(idA, "p", `allow: [{operations: ["*"], connections: []}]`)), "keys.yaml:5:46: keys[0].allow[0].connections: is an empty list"},
		{"an anchor", keysText(entry(idA, "&p p")), "keys.yaml:4:16: keys[0].principal: anchors, aliases and tags are not used"},
		{"a tag", keysText(entry(idA, "!!str p")), "keys.yaml:4:16: keys[0].principal: anchors, aliases and tags are not used"},
		{"behind comments with line ends of Windows", "# a\r\n\r\n# b\r\nkeys: # c\r\n  # d\r\n  - 1\r\n", "keys.yaml:6:5: keys[0]: is int; it needs a mapping"},
		{"nested without end", strings.Repeat("[", 16<<10), "keys.yaml:1:33: is nested deeper than 32 levels"},
		{"a block of text", keysText(entry(idA, "|\n      p")), "keys.yaml:4:16: keys[0].principal: is scalar; it needs text"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			_, err := keyring.Parse([]byte(tc.text), region)
			if err == nil {
				t.Fatalf("accepted:\n%s", tc.text)
			}
			if !strings.HasPrefix(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("fault:\n%v\nwant:\n%s", err, tc.want)
			}
			if strings.Contains(err.Error(), "SECRET") {
				t.Errorf("fault shows a secret: %v", err)
			}
		})
	}
}

func TestParseReportsAllFaultsInOrder(t *testing.T) {
	text := `keys:
  - id: AKIAIOSFODNN7EXAMPLE
    secret: SECRETshort
    principal: ""
    expires: tomorrow
    allow:
      - operations: [GetObject]
        regions: [moon-1]
        connections: ["a b"]
        colour: red
  - id: GPKBBBBBBBBBBBBBBBBB
    principal: q
`
	_, err := keyring.Parse([]byte(text), region)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("error is %T: %v", err, err)
	}
	var got []string
	for _, e := range joined.Unwrap() {
		f, ok := errors.AsType[*keyring.Fault](e)
		if !ok {
			t.Fatalf("%T among the faults", e)
		}
		got = append(got, fmt.Sprintf("%d %s", f.Line, f.Key))
	}
	want := []string{
		"2 keys[0].id", "3 keys[0].secret", "4 keys[0].principal", "5 keys[0].expires",
		"7 keys[0].allow[0].operations[0]", "8 keys[0].allow[0].regions[0]", "9 keys[0].allow[0].connections[0]",
		"10 keys[0].allow[0]", "11 keys[1].secret",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("faults (-want +got):\n%s\n%v", diff, err)
	}
}

// A secret in a wrong place is still a secret.
func TestFaultsDoNotShowSecrets(t *testing.T) {
	secret := "SECRETabcdefghijklmnopqrstuvwxyzABCDEFGHIJ"
	for _, text := range []string{
		"keys:\n  - id: " + secret + "\n    secret: " + idA + "\n    principal: p\n",
		"keys:\n  - " + secret + ": x\n",
		"keys:\n  - secret: {" + secret + "}\n",
		"keys:\n  - secret: [" + secret + "]\n",
		"keys:\n  - secret: &" + secret + " x\n",
		"keys:\n  - secret: !" + secret + " x\n",
		"keys:\n  - secret: *" + secret + "\n",
		"keys:\n  - secret: \"" + secret + "\n",
		"keys:\n  - secret: '" + secret + "\n    principal: p\n",
		"keys:\n  - secret: " + secret + ": x\n",
		"keys:\n  - secret: " + secret + "\n   principal: p\n",
		"keys:\n  - secret: |x" + secret + "\n",
		"keys:\n  - secret: @" + secret + "\n",
		"keys:\n  - secret: `" + secret + "\n",
		"keys:\n  - secret: %" + secret + "\n",
		"%" + secret + "\n---\nkeys: []\n",
		"keys:\n  - secret: \"\\q" + secret + "\"\n",
		"keys:\n  - secret: \t" + secret + "\n\t- x\n",
		secret,
		secret + ": x",
		"keys: " + secret,
		"keys:\n  - principal: " + secret + strings.Repeat("x", 128) + "\n",
		"keys:\n  - disabled: " + secret + "\n",
		"keys:\n  - allow: " + secret + "\n",
	} {
		if _, err := keyring.Parse([]byte(text), region); err == nil {
			t.Errorf("accepted:\n%s", text)
		} else if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("shown: %v\n%s", err, text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(documentedExample))
	f.Add([]byte("keys: []\n"))
	f.Add([]byte(keysText(entry(idA, "p", allowAll), entry(idB, "q", "disabled: true"))))
	f.Add([]byte("keys:\n- {id: &a x, secret: *a, <<: *a}\n--- %\n"))
	f.Add([]byte("keys:\n  - id: \"a\n    secret: |\n  x: [\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		ids, err := keyring.Parse(text, region)
		if err != nil {
			// Whatever stands after the word is long, and in no fault.
			if i := strings.Index(string(text), "SECRET+"); i >= 0 && strings.Contains(err.Error(), "SECRET+") {
				t.Errorf("fault shows a secret: %v", err)
			}
			for line := range strings.Lines(err.Error()) {
				if !strings.HasPrefix(line, "keys.yaml:") {
					t.Errorf("fault without its place: %q", line)
				}
			}
			return
		}
		seen := make(map[string]bool)
		for _, id := range ids {
			if len(id) != 20 || seen[id] || strings.HasPrefix(id, "AKIA") || strings.HasPrefix(id, "ASIA") {
				t.Errorf("accepted id %q", id)
			}
			seen[id] = true
		}
	})
}
