package keyring_test

import (
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

func TestAllows(t *testing.T) {
	const east = "us-east-2"
	type call struct{ operation, region, connection string }
	for _, tc := range []struct {
		name  string
		allow string
		call  call
		want  string // the reason of a refusal, "" for none
	}{
		{"no allow", "disabled: false", call{"GetConnection", region, "x"}, keyring.ReasonNoAllow},
		{"empty allow", "allow: []", call{"GetConnection", region, "x"}, keyring.ReasonNoAllow},
		{"named", "allow: [{operations: [GetConnection]}]", call{"GetConnection", region, "x"}, ""},
		{"not named", "allow: [{operations: [GetConnection]}]", call{"StartConnection", region, ""}, keyring.ReasonOperation},
		{"any", allowAll, call{"DeleteOutpost", region, ""}, ""},
		{"any is not Unknown", allowAll, call{outposts.Unknown, region, ""}, keyring.ReasonOperation},
		{"any is nothing that is not in the table", allowAll, call{"GetObject", region, ""}, keyring.ReasonOperation},
		{"any is not the empty name", allowAll, call{"", region, ""}, keyring.ReasonOperation},
		{"the wildcard is no operation", allowAll, call{"*", region, ""}, keyring.ReasonOperation},
		{"Unknown", `allow: [{operations: [Unknown]}]`, call{outposts.Unknown, region, ""}, ""},
		{"Unknown is nothing else", `allow: [{operations: [Unknown]}]`, call{"ListSites", region, ""}, keyring.ReasonOperation},
		{"read-only reads", "allow: [{operations: [read-only]}]", call{"ListSites", region, ""}, ""},
		{"read-only gets connections", "allow: [{operations: [read-only]}]", call{"GetConnection", region, "x"}, ""},
		{"read-only starts none", "allow: [{operations: [read-only]}]", call{"StartConnection", region, ""}, keyring.ReasonOperation},
		{"read-only is not Unknown", "allow: [{operations: [read-only]}]", call{outposts.Unknown, region, ""}, keyring.ReasonOperation},
		{"all regions by default", allowAll, call{"ListSites", east, ""}, ""},
		{"a region", `allow: [{operations: ["*"], regions: [us-east-2]}]`, call{"ListSites", east, ""}, ""},
		{"another region", `allow: [{operations: ["*"], regions: [us-east-2]}]`, call{"ListSites", region, ""}, keyring.ReasonRegion},
		{"all connections by default", allowAll, call{"GetConnection", region, "a/b+c="}, ""},
		{"a connection", `allow: [{operations: ["*"], connections: [x, "fra/*"]}]`, call{"GetConnection", region, "fra/1/2"}, ""},
		{"another connection", `allow: [{operations: ["*"], connections: [x, "fra/*"]}]`, call{"GetConnection", region, "muc/1"}, keyring.ReasonConnection},
		{"letter case of a connection", `allow: [{operations: ["*"], connections: ["fra/*"]}]`, call{"GetConnection", region, "FRA/1"}, keyring.ReasonConnection},
		{"connections narrow GetConnection alone", `allow: [{operations: ["*"], connections: [x]}]`, call{"StartConnection", region, ""}, ""},
		{"the second entry", `allow: [{operations: [ListSites]}, {operations: [GetConnection], connections: ["a*"]}]`, call{"GetConnection", region, "ab"}, ""},
		{"entries do not add up", `allow: [{operations: [GetConnection], connections: [x]}, {operations: [ListSites], connections: ["*"]}]`, call{"GetConnection", region, "y"}, keyring.ReasonConnection},
		{"regions do not add up", `allow: [{operations: [ListSites], regions: [us-east-2]}, {operations: [GetSite], regions: [us-west-2]}]`, call{"ListSites", region, ""}, keyring.ReasonRegion},
		{"the nearest miss is told", `allow: [{operations: [GetConnection], connections: [x]}, {operations: [GetConnection], regions: [us-east-2]}]`, call{"GetConnection", region, "y"}, keyring.ReasonConnection},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := authenticate(t, openRing(t, keysFile(t, entry(idA, "p", tc.allow))), idA)
			ok, reason := p.Allows(tc.call.operation, tc.call.region, tc.call.connection)
			if ok != (tc.want == "") || reason != tc.want {
				t.Errorf("%+v under %q: %t, %q; want %q", tc.call, tc.allow, ok, reason, tc.want)
			}
		})
	}
}

// The two words cover exactly what the table says.
func TestWordsCoverTheTable(t *testing.T) {
	ring := openRing(t, keysFile(t,
		entry(idA, "reader", "allow: [{operations: [read-only]}]"),
		entry(idB, "all", allowAll),
	))
	reader, all := authenticate(t, ring, idA), authenticate(t, ring, idB)
	for _, op := range outposts.Operations() {
		if ok, _ := reader.Allows(op.Name, region, "x"); ok != (op.Method == "GET") {
			t.Errorf("read-only allows %s %s: %t", op.Method, op.Name, ok)
		}
		if ok, _ := all.Allows(op.Name, region, "x"); !ok {
			t.Errorf("* does not allow %s", op.Name)
		}
	}
}
