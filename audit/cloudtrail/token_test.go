package cloudtrail_test

import (
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

const (
	ownID   = "01933e4f-1111-7000-8000-00000000000a"
	otherID = "01933e4f-2222-7000-8000-00000000000b"
)

func TestEventToken(t *testing.T) {
	const own = "gatepost/1.2.3 evt/" + ownID
	const forged = "gatepost/1.2.3 evt/" + otherID
	for _, tt := range []struct{ name, userAgent, want string }{
		{"alone", own, ownID},
		{"behind the caller's", "aws-cli/2.9.19 Python/3.11 md/x " + own, ownID},
		{"version of a development build", "gatepost/(devel) evt/" + ownID, ""},
		{"version as it is sent", "gatepost/_devel_ evt/" + ownID, ownID},
		{"a version of many parts", "gatepost/0.0.0-20261126010203-abcdef012345+dirty evt/" + ownID, ownID},
		{"behind a forged one", "x " + forged + " " + own, ownID},
		{"in brackets", "[aws-cli/2.9.19 " + own + "]", ownID},
		{"bracket of the caller's", "[x " + own, ownID},
		{"closing bracket alone", own + "]", ""},
		{"forged one, own one cut off", forged + " " + own[:len(own)-1], ""},
		{"forged one, own one cut to its product", forged + " gatepost/1.2.3", ""},
		{"something behind it", own + " x", ""},
		{"space behind it", own + " ", ""},
		{"two spaces within", "gatepost/1.2.3  evt/" + ownID, ""},
		{"no version", "gatepost/ evt/" + ownID, ""},
		{"no product", "evt/" + ownID, ""},
		{"another product", "mygatepost/1 evt/" + ownID, ""},
		{"upper case", "gatepost/1.2.3 evt/" + strings.ToUpper(ownID), ""},
		{"no hyphens", "gatepost/1.2.3 evt/" + strings.ReplaceAll(ownID, "-", ""), ""},
		{"hyphens elsewhere", "gatepost/1.2.3 evt/01933e4-f1111-7000-8000-00000000000a", ""},
		{"too long", own + "0", ""},
		{"no event", "aws-cli/2.9.19 gatepost/1.2.3", ""},
		{"nothing", "", ""},
		{"masked", cloudtrail.Masked, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := cloudtrail.EventToken(tt.userAgent)
			if got != tt.want || ok != (tt.want != "") {
				t.Errorf("EventToken(%q) = %q, %v; want %q", tt.userAgent, got, ok, tt.want)
			}
		})
	}
}

func FuzzEventToken(f *testing.F) {
	f.Add("aws-cli/2 gatepost/1.2.3 evt/" + ownID)
	f.Add("[gatepost/1 evt/" + ownID + "]")
	f.Fuzz(func(t *testing.T, caller string) {
		if id, ok := cloudtrail.EventToken(caller); ok && !strings.HasSuffix(strings.TrimSuffix(caller, "]"), " evt/"+id) {
			t.Errorf("EventToken(%q) = %q", caller, id)
		}
		own := " gatepost/1.2.3 evt/" + ownID
		if id, ok := cloudtrail.EventToken(caller + own); !ok || id != ownID {
			t.Errorf("EventToken(%q) = %q, %v", caller+own, id, ok)
		}
	})
}
