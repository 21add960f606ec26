package audit_test

import (
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

func TestFilterMatch(t *testing.T) {
	tests := []struct {
		name   string
		filter audit.Filter
		want   bool
	}{
		{"nothing set", audit.Filter{}, true},
		{"principal", audit.Filter{Principal: "installer-fra1"}, true},
		{"part of a principal", audit.Filter{Principal: "installer"}, false},
		{"connection", audit.Filter{Connection: "=a/b+c=="}, true},
		{"connection in another case", audit.Filter{Connection: "=A/b+c=="}, false},
		{"operation", audit.Filter{Operation: "GetConnection"}, true},
		{"other operation", audit.Filter{Operation: "StartConnection"}, false},
		{"region", audit.Filter{Region: "us-west-2"}, true},
		{"other region", audit.Filter{Region: "us-east-2"}, false},
		{"decision", audit.Filter{Decision: audit.Allow}, true},
		{"other decision", audit.Filter{Decision: audit.Deny}, false},
		{"cache", audit.Filter{Cache: audit.CacheHit}, true},
		{"other cache", audit.Filter{Cache: audit.CacheMiss}, false},
		{"class", audit.Filter{ErrorClass: audit.ErrorClassThrottling}, true},
		{"other class", audit.Filter{ErrorClass: audit.ErrorClassNone}, false},
		{"state", audit.Filter{State: "matched"}, true},
		{"other state", audit.Filter{State: "missing"}, false},
		{"kind", audit.Filter{Kind: audit.KindOutcome}, true},
		{"other kind", audit.Filter{Kind: audit.KindIntent}, false},
		{"request id of an attempt", audit.Filter{RequestID: "r-2"}, true},
		{"request id of the fill", audit.Filter{RequestID: "r-fill"}, true},
		{"event id as request id", audit.Filter{RequestID: "019aae5f-7c00-7abc-8def-0123456789ab"}, true},
		{"other request id", audit.Filter{RequestID: "r-3"}, false},
		{"since is inclusive", audit.Filter{Since: when}, true},
		{"since later", audit.Filter{Since: when.Add(1)}, false},
		{"until is exclusive", audit.Filter{Until: when}, false},
		{"until later", audit.Filter{Until: when.Add(time.Nanosecond)}, true},
		{"q in the connection", audit.Filter{Q: "A/B+"}, true},
		{"q in the principal", audit.Filter{Q: "FRA1"}, true},
		{"q in the user agent", audit.Filter{Q: "AWS-cli"}, true},
		{"q in the event id", audit.Filter{Q: "7C00-7ABC"}, true},
		{"q in an attempt", audit.Filter{Q: "R-2"}, true},
		{"q in the fill", audit.Filter{Q: "r-fi"}, true},
		{"q in the CloudTrail id", audit.Filter{Q: "CT-"}, true},
		{"q folds ASCII only", audit.Filter{Q: "ÜNÏCODE"}, false},
		{"q of other letters", audit.Filter{Q: "üNïCODE"}, true},
		{"q not in the detail", audit.Filter{Q: "a detail"}, false},
		{"all of several", audit.Filter{Principal: "installer-fra1", Q: "cli", Kind: audit.KindOutcome}, true},
		{"one of several wrong", audit.Filter{Principal: "installer-fra1", Q: "cli", Kind: audit.KindIntent}, false},
	}
	e := fullEvent()
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := tt.filter.Match(&e); got != tt.want {
				t.Errorf("Match = %v, want %v", got, tt.want)
			}
		})
	}
	t.Run("bare event", func(t *testing.T) {
		bare := audit.Event{Kind: audit.KindSystem}
		f := audit.Filter{Q: "x", RequestID: "x"}
		if f.Match(&bare) {
			t.Error("an event without fill and attempts matches")
		}
	})
}
