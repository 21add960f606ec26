package outposts_test

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/google/go-cmp/cmp"
)

func TestOperations(t *testing.T) {
	all := outposts.Operations()
	if len(all) != 37 {
		t.Fatalf("%d operations, want 37", len(all))
	}
	if !slices.IsSortedFunc(all, func(a, b *outposts.Operation) int { return strings.Compare(a.Name, b.Name) }) {
		t.Error("not sorted by name")
	}
	reading := 0
	for _, o := range all {
		if found, ok := outposts.Lookup(o.Name); !ok || found != o {
			t.Errorf("%s is not found by its name", o.Name)
		}
		named := strings.HasPrefix(o.Name, "Get") || strings.HasPrefix(o.Name, "List")
		if o.ReadOnly != named || o.ReadOnly != (o.Method == "GET") {
			t.Errorf("%s %s: read-only is %t", o.Method, o.Name, o.ReadOnly)
		}
		if o.ReadOnly {
			reading++
		}
		if !o.Models("InternalServerException") {
			t.Errorf("%s models no InternalServerException", o.Name)
		}
		if o.Models("") || o.Models("ThrottlingException") {
			t.Errorf("%s models what no operation does", o.Name)
		}
	}
	if reading != 20 {
		t.Errorf("%d operations only read, want 20", reading)
	}
	for _, name := range []string{"", "getConnection", "GetConnectio", "GetConnections", "Zzz", outposts.Unknown} {
		if o, ok := outposts.Lookup(name); ok {
			t.Errorf("%q is %s", name, o.Name)
		}
	}
	all[0] = nil
	if outposts.Operations()[0] == nil {
		t.Error("a caller can change the table")
	}
}

func TestModelledErrors(t *testing.T) {
	for _, test := range []struct {
		operation string
		models    string // the letters of the API's errors
	}{
		{"GetConnection", "AVNI"},
		{"StartConnection", "AVNI"},
		{"GetOrder", "VNI"},
		{"CreateOrder", "VCANIQ"},
		{"ListSites", "VAI"},
		{"TagResource", "IVN"},
	} {
		o, ok := outposts.Lookup(test.operation)
		if !ok {
			t.Fatalf("no %s", test.operation)
		}
		for letter, code := range map[string]string{
			"A": "AccessDeniedException", "C": "ConflictException", "I": "InternalServerException",
			"N": "NotFoundException", "Q": "ServiceQuotaExceededException", "V": "ValidationException",
		} {
			if want := strings.Contains(test.models, letter); o.Models(code) != want {
				t.Errorf("%s models %s: %t, want %t", o.Name, code, !want, want)
			}
		}
	}
}

func TestQueryParameters(t *testing.T) {
	for _, test := range []struct {
		operation string
		want      []outposts.Parameter
	}{
		{"GetConnection", nil},
		{"GetSiteAddress", []outposts.Parameter{{Name: "AddressType", Required: true}}},
		{"UntagResource", []outposts.Parameter{{Name: "tagKeys", Required: true, Repeated: true}}},
		{"ListAssets", []outposts.Parameter{
			{Name: "HostIdFilter", Repeated: true}, {Name: "MaxResults"}, {Name: "NextToken"},
			{Name: "StatusFilter", Repeated: true}, {Name: "AssetTypeFilter", Repeated: true},
		}},
	} {
		o, ok := outposts.Lookup(test.operation)
		if !ok {
			t.Fatalf("no %s", test.operation)
		}
		if diff := cmp.Diff(test.want, slices.Collect(o.Query())); diff != "" {
			t.Errorf("%s (-want +got):\n%s", o.Name, diff)
		}
	}
}

var labelName = regexp.MustCompile(`\{\w+\}`)

// Each operation's own template, filled in, is that operation and no other
// method's.
func TestTemplatesRoundTrip(t *testing.T) {
	const arn = "arn:aws:outposts:us-west-2:111122223333:outpost/op-0123456789abcdef0"
	for _, value := range []string{"op-0123456789abcdef0", arn, "a+=@!"} {
		escaped := string(outposts.EscapeLabel(nil, value))
		for _, o := range outposts.Operations() {
			if o.Name == "GetConnection" {
				continue // its label has a grammar of its own
			}
			path := labelName.ReplaceAllString(o.Template, escaped)
			target, err := outposts.Parse(o.Method, path, "")
			if err != nil {
				t.Errorf("%s %s: %v", o.Method, path, err)
				continue
			}
			if diff := cmp.Diff(outposts.Target{Operation: o, ReadOnly: o.ReadOnly, Path: path}, target, samePointer); diff != "" {
				t.Errorf("%s %s (-want +got):\n%s", o.Method, path, diff)
			}
			if target.Name() != o.Name {
				t.Errorf("%s is called %s", o.Name, target.Name())
			}
		}
	}
}

var samePointer = cmp.Comparer(func(a, b *outposts.Operation) bool { return a == b })
