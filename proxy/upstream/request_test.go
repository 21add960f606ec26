package upstream

import (
	"strings"
	"testing"
)

func FuzzUserAgent(f *testing.F) {
	f.Add("aws-cli/2.9.19", "1.2.3", "01933e4f-9c3a-7b1e-8a4d-2f6b5c7d8e9f")
	f.Add("\r\nX: y", "(devel)", "\x00")
	f.Fuzz(func(t *testing.T, caller, version, eventID string) {
		agent := userAgent(caller, version, eventID)
		if len(agent) > maxUserAgent || printable(agent, len(agent)) != agent || !strings.Contains(agent, "gatepost/") {
			t.Errorf("%q", agent)
		}
	})
}
