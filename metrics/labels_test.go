package metrics_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/metrics"
)

// The audit event and the correlator own these sets; metrics writes them down again
// because it imports nothing of ours. A value added there and forgotten here would be
// counted under "other".
func TestLabelsAreThoseOfTheirOwners(t *testing.T) {
	tests := []struct {
		label string
		got   []string
		want  []string
	}{
		{"error_class", metrics.ErrorClasses(), texts(audit.ErrorClasses())},
		{"kind", metrics.EventKinds(), texts([]audit.Kind{audit.KindIntent, audit.KindOutcome, audit.KindVerdict, audit.KindFinding, audit.KindAdmin, audit.KindSystem})},
		{"cache", metrics.CacheResults(), texts([]audit.CacheResult{audit.CacheHit, audit.CacheMiss, audit.CacheCoalesced, audit.CacheBypass, audit.CacheNone})},
		{"decision", metrics.Decisions(), texts([]audit.Decision{audit.Allow, audit.Deny})},
		{"state", metrics.CorrelationStates(), texts(correlate.States())},
	}
	for _, tt := range tests {
		t.Run(tt.label, func(t *testing.T) {
			slices.Sort(tt.got)
			slices.Sort(tt.want)
			if diff := cmp.Diff(tt.want, tt.got); diff != "" {
				t.Errorf("values (-owner +metrics):\n%s", diff)
			}
		})
	}
}

func texts[S ~string](values []S) []string {
	var out []string
	for _, v := range values {
		out = append(out, string(v))
	}
	return out
}
