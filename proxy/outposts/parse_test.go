package outposts_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

func TestParse(t *testing.T) {
	many := strings.Repeat("a=b&", 255) + "a=b"
	for _, test := range []struct {
		name, method, path, query string
		operation                 string // "Unknown" for one outside the table
		id, wantPath, wantQuery   string // wantPath "" means path
	}{
		{"connection", "GET", "/connections/abc", "", "GetConnection", "abc", "", ""},
		{"connection escaped", "GET", "/connections/a%2Fb%2B%3D", "", "GetConnection", "a/b+=", "", ""},
		{"connection in lower case", "GET", "/connections/a%2fb+=", "", "GetConnection", "a/b+=", "/connections/a%2Fb%2B%3D", ""},
		{"connection is case-sensitive", "GET", "/connections/A%2Fb%2B%3D", "", "GetConnection", "A/b+=", "", ""},
		{"connection like a formula", "GET", "/connections/%3D1%2B1", "", "GetConnection", "=1+1", "", ""},
		{"connection of slashes", "GET", "/connections/%2F%2F%2F%2F", "", "GetConnection", "////", "", ""},
		{"connection raw", "GET", "/connections/====", "", "GetConnection", "====", "/connections/%3D%3D%3D%3D", ""},
		{"connection +", "GET", "/connections/+", "", "GetConnection", "+", "/connections/%2B", ""},
		{"connection of 1024", "GET", "/connections/" + strings.Repeat("a", 1024), "", "GetConnection", strings.Repeat("a", 1024), "", ""},
		{"connection of 1024 slashes", "GET", "/connections/" + strings.Repeat("%2F", 1024), "", "GetConnection", strings.Repeat("/", 1024), "", ""},
		{"start connection", "POST", "/connections", "", "StartConnection", "", "", ""},

		{"raw slash in an id", "GET", "/connections/a/b", "", "Unknown", "", "", ""},
		{"no id", "GET", "/connections", "", "Unknown", "", "", ""},
		{"post to a connection", "POST", "/connections/abc", "", "Unknown", "", "", ""},
		{"another case", "GET", "/Connections/abc", "", "Unknown", "", "", ""},
		{"root", "GET", "/", "", "Unknown", "", "", ""},
		{"new operation", "POST", "/outposts/op-1/teleport", "dry=true", "Unknown", "", "", "dry=true"},
		{"too short for any", "GET", "/outpost", "", "Unknown", "", "", ""},
		{"too long for any", "GET", "/sites/os-1/address/x", "", "Unknown", "", "", ""},

		{"singular outpost", "GET", "/outpost/op-1/billing-information", "MaxResults=5", "GetOutpostBillingInformation", "", "", "MaxResults=5"},
		{"list orders", "GET", "/list-orders", "", "ListOrders", "", "", ""},
		{"create order", "POST", "/orders", "", "CreateOrder", "", "", ""},
		{"catalog items", "GET", "/catalog/items", "", "ListCatalogItems", "", "", ""},
		{"catalog item", "GET", "/catalog/item/items", "", "GetCatalogItem", "", "", ""},
		{"capacity tasks", "GET", "/capacity/tasks", "", "ListCapacityTasks", "", "", ""},
		{"blocking instances", "GET", "/outposts/op-1/capacity/cap-1/blockingInstances", "", "ListBlockingInstancesForCapacityTask", "", "", ""},
		{"a label named like a literal", "GET", "/outposts/capacity/capacity/tasks", "", "GetCapacityTask", "", "", ""},
		{"arn", "GET", "/tags/arn%3aaws:outposts:us-west-2:1:outpost%2fop-1", "", "ListTagsForResource", "", "/tags/arn%3Aaws%3Aoutposts%3Aus-west-2%3A1%3Aoutpost%2Fop-1", ""},
		{"three dots", "GET", "/sites/...", "", "GetSite", "", "", ""},

		{"query in canonical form", "GET", "/sites", "b=%7e&a=%2f&a=/&c", "ListSites", "", "", "a=%2F&a=%2F&b=~&c="},
		{"query sorted by value too", "GET", "/sites", "a=2&a=1", "ListSites", "", "", "a=1&a=2"},
		{"query in UTF-8", "GET", "/sites", "OperatingAddressCityFilter=M%c3%bcnchen", "ListSites", "", "", "OperatingAddressCityFilter=M%C3%BCnchen"},
		{"query with a space", "GET", "/sites", "a=New%20York", "ListSites", "", "", "a=New%20York"},
		{"query with equals signs", "GET", "/sites", "a=b=c", "ListSites", "", "", "a=b%3Dc"},
		{"query sorted by name, not by text", "GET", "/sites", "a=1&a-=1", "ListSites", "", "", "a=1&a-=1"},
		{"256 parameters", "GET", "/sites", many, "ListSites", "", "", many},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := outposts.Parse(test.method, test.path, test.query)
			if err != nil {
				t.Fatal(err)
			}
			if got.Name() != test.operation {
				t.Errorf("operation %s, want %s", got.Name(), test.operation)
			}
			if got.ConnectionID != test.id {
				t.Errorf("id %q, want %q", got.ConnectionID, test.id)
			}
			if test.wantPath == "" {
				test.wantPath = test.path
			}
			if got.Path != test.wantPath || got.Query != test.wantQuery {
				t.Errorf("target %q ? %q, want %q ? %q", got.Path, got.Query, test.wantPath, test.wantQuery)
			}
			if got.ReadOnly != (test.method == "GET") {
				t.Errorf("read-only %t", got.ReadOnly)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	const malformed, method = outposts.Malformed, outposts.MethodNotAllowed
	for _, test := range []struct {
		name, method, path, query string
		want                      outposts.Kind
	}{
		{"empty id", "GET", "/connections/", "", malformed},
		{"1025 characters", "GET", "/connections/" + strings.Repeat("a", 1025), "", malformed},
		{"1025 characters, some escaped", "GET", "/connections/" + strings.Repeat("a", 1000) + strings.Repeat("%2F", 25), "", malformed},
		{"raw length 3073", "GET", "/connections/" + strings.Repeat("%2F", 1024) + "a", "", malformed},
		{"escaped twice", "GET", "/connections/a%252Fb", "", malformed},
		{"dot", "GET", "/connections/.", "", malformed},
		{"dots", "GET", "/connections/..", "", malformed},
		{"dots escaped", "GET", "/connections/%2e%2E", "", malformed},
		{"dots in an id", "GET", "/connections/a%2F..%2Fb", "", malformed},
		{"dot segment before an id", "GET", "/connections/./a", "", malformed},
		{"dot segments before an id", "GET", "/sites/../connections/a", "", malformed},
		{"NUL", "GET", "/connections/a%00b", "", malformed},
		{"line break", "GET", "/connections/a%0d%0ab", "", malformed},
		{"line separator", "GET", "/connections/%E2%80%A8", "", malformed},
		{"raw 0xFF", "GET", "/connections/a\xff", "", malformed},
		{"fragment", "GET", "/connections/a#frag", "", malformed},
		{"path parameter", "GET", "/connections/a;x=1", "", malformed},
		{"path parameter escaped", "GET", "/connections/a%3Bx=1", "", malformed},
		{"unreserved escaped", "GET", "/connections/%41", "", malformed},
		{"outside the pattern", "GET", "/connections/a-b", "", malformed},
		{"colon", "GET", "/connections/a%3Ab", "", malformed},
		{"broken escape", "GET", "/connections/a%2", "", malformed},
		{"broken escape at the end", "GET", "/connections/a%", "", malformed},
		{"no escape", "GET", "/connections/a%2G", "", malformed},
		{"empty segment before an id", "GET", "/connections//a", "", malformed},
		{"empty segment after an id", "GET", "/connections/a/", "", malformed},
		{"empty segment first", "GET", "//connections/a", "", malformed},

		{"literal escaped", "GET", "/%63onnections/abc", "", malformed},
		{"slash of the literal escaped", "GET", "/connections%2Fabc", "", malformed},
		{"absolute form", "GET", "http://127.0.0.1/connections/abc", "", malformed},
		{"absolute form as a path", "GET", "/http://127.0.0.1/connections/abc", "", malformed},
		{"asterisk form", "GET", "*", "", malformed},
		{"empty path", "GET", "", "", malformed},
		{"percent in a label", "GET", "/sites/a%25b", "", malformed},
		{"dot in an ARN", "GET", "/tags/arn%3Aa%2F.%2Fb", "", malformed},
		{"dots ending an ARN", "GET", "/tags/arn%3Aa%2F..", "", malformed},
		{"empty part of an ARN", "GET", "/tags/a%2F%2Fb", "", malformed},
		{"label that begins with a slash", "GET", "/tags/%2Fb", "", malformed},
		{"label that ends with a slash", "GET", "/tags/a%2F", "", malformed},
		{"space in a label", "GET", "/sites/a%20b", "", malformed},
		{"raw space", "GET", "/sites/a b", "", malformed},
		{"backslash", "GET", "/sites/a%5Cb", "", malformed},
		{"question mark", "GET", "/sites/a%3Fb", "", malformed},
		{"tab", "GET", "/sites/a%09b", "", malformed},
		{"DEL", "GET", "/sites/a%7Fb", "", malformed},
		{"non-ASCII", "GET", "/sites/%C3%A9", "", malformed},
		{"broken escape in a label", "GET", "/sites/%4", "", malformed},
		{"no escape in a label", "GET", "/sites/%zz", "", malformed},
		{"long path", "GET", "/sites/" + strings.Repeat("a", 4096), "", malformed},

		{"query of a connection", "GET", "/connections/abc", "a=b", malformed},
		{"query of a start", "POST", "/connections", "a=b", malformed},
		{"query key", "GET", "/sites", "X-Amz-Signature=", malformed},
		{"query key in lower case", "GET", "/sites", "a=b&x-amz-date", malformed},
		{"query key escaped", "GET", "/sites", "%58-Amz-Date=1", malformed},
		{"semicolon", "GET", "/sites", "x=1;y=2", malformed},
		{"semicolon in a name", "GET", "/sites", "x;y=2", malformed},
		{"plus", "GET", "/sites", "x=1+2", malformed},
		{"empty parameter", "GET", "/sites", "x=1&&y=2", malformed},
		{"last ampersand", "GET", "/sites", "x=1&", malformed},
		{"no name", "GET", "/sites", "=1", malformed},
		{"257 parameters", "GET", "/sites", strings.Repeat("a&", 256) + "hidden=1", malformed},
		{"long query", "GET", "/sites", "a=" + strings.Repeat("b", 8191), malformed},
		{"broken escape in the query", "GET", "/sites", "a=%4", malformed},
		{"no escape in the query", "GET", "/sites", "a=%4x", malformed},
		{"NUL in the query", "GET", "/sites", "a=%00", malformed},
		{"C1 control in the query", "GET", "/sites", "a=%C2%85", malformed},
		{"invalid UTF-8", "GET", "/sites", "a=%FF", malformed},
		{"overlong UTF-8", "GET", "/sites", "a=%C0%AF", malformed},
		{"raw non-ASCII", "GET", "/sites", "a=é", malformed},
		{"fragment in the query", "GET", "/sites", "a=b#c", malformed},

		{"HEAD", "HEAD", "/connections/abc", "", method},
		{"OPTIONS", "OPTIONS", "*", "", method},
		{"CONNECT", "CONNECT", "/connections/abc", "", method},
		{"lower case", "get", "/connections/abc", "", method},
		{"no method", "", "/connections/abc", "", method},
	} {
		t.Run(test.name, func(t *testing.T) {
			target, err := outposts.Parse(test.method, test.path, test.query)
			refusal, ok := errors.AsType[*outposts.Error](err)
			if !ok {
				t.Fatalf("%+v with error %v", target, err)
			}
			if refusal.Kind != test.want {
				t.Errorf("%s (%v), want %s", refusal.Kind, refusal, test.want)
			}
			if target != (outposts.Target{}) {
				t.Errorf("target beside an error: %+v", target)
			}
			for _, text := range []string{test.path, test.query} {
				if len(text) > 2 && strings.Contains(refusal.Error(), text) {
					t.Errorf("%q repeats the request", refusal)
				}
			}
		})
	}
}

func TestValidConnectionID(t *testing.T) {
	for id, want := range map[string]bool{
		"a": true, "aZ09+/=": true, "////": true, strings.Repeat("=", 1024): true,
		"": false, strings.Repeat("a", 1025): false, "a.b": false, "a-b": false, "a b": false, "a%2F": false, "é": false, "a\x00": false, "a\n": false, "\xff": false,
	} {
		if got := outposts.ValidConnectionID(id); got != want {
			t.Errorf("%.20q: %t, want %t", id, got, want)
		}
	}
}
