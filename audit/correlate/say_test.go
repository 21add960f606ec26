package correlate_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// Who looks back wants to know when the calls were, not when it was decided.
func TestAtCalls(t *testing.T) {
	for _, test := range []struct {
		name             string
		atCalls          bool
		matched, missing time.Time
		bypass           time.Time
	}{
		{"looking back", true, at(1), at(2.5), at(30)},
		{"as it happens", false, at(2 * hour), at(2*hour + 12), at(2 * hour)},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := correlate.New(correlate.Config{AtCalls: test.atCalls, LateAfter: time.Hour, SettleAfter: time.Hour, Start: epoch})
			lines := concat(call(1, 1, answered(1)), call(2, 2.5, answered(2)))
			for i := range lines {
				c.Entry(&lines[i])
			}
			decided := c.Tick(at(hour / 2))
			decided = append(decided, c.Records(at(2*hour), []cloudtrail.Record{record(1, 1), record(9, 30, func(r *cloudtrail.Record) { r.UserAgent = "elsewhere" })})...)
			decided = append(decided, c.Tick(at(2*hour))...)
			decided = append(decided, c.Covered(at(2*hour+12), cloudtrail.Coverage{
				Region: region, Start: at(-hour), End: at(2 * hour), AsOf: at(2 * hour), Completeness: cloudtrail.CompleteUnvalidated,
			})...)
			got := map[string]time.Time{}
			for _, e := range decided {
				if e.State != string(correlate.Late) {
					got[string(e.Kind)+" "+e.State] = e.Time
				}
			}
			want := map[string]time.Time{
				string(audit.KindVerdict) + " matched": test.matched, string(audit.KindVerdict) + " missing": test.missing, string(audit.KindFinding) + " bypass": test.bypass,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("times (-want +got):\n%s", diff)
			}
		})
	}
}
