package index

import (
	"context"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// ActionFindingAcknowledged is the Action of the admin event with which an
// operator says that he has seen a finding, or a verdict that is listed with the
// findings. Of is its id, Detail the note.
const ActionFindingAcknowledged = "finding_acknowledged"

// Findings chooses what needs an eye: events of the kind finding, and the verdicts
// mismatched, missing and ambiguous that still hold, which is until there is
// another one on the same attempt.
type Findings string

const (
	AllFindings          Findings = "all"
	OpenFindings         Findings = "open" // those that nobody has acknowledged
	AcknowledgedFindings Findings = "acknowledged"
)

// FindingStates are the states of what can be among the findings, worst first.
// The last three are expected: [IsExpected] has what that means.
func FindingStates() []string {
	return []string{
		string(correlate.Bypass), string(correlate.Missing), string(correlate.Mismatched), string(correlate.Ambiguous), string(correlate.ForeignInstance),
		string(correlate.Amended), string(correlate.KnownDirect), string(correlate.Covered),
	}
}

// ranks are the values of fieldFinding for f; expected findings count only if
// their state is asked for.
func (f Findings) ranks(expected bool) []string {
	var list []string
	for _, r := range []findingRank{{}, {acknowledged: true}, {expected: true}, {acknowledged: true, expected: true}} {
		if (!r.expected || expected) && (f == AllFindings || r.acknowledged == (f == AcknowledgedFindings)) {
			list = append(list, r.value())
		}
	}
	return list
}

// findingRank says of a finding on which lists it is.
type findingRank struct {
	acknowledged bool
	expected     bool
}

func (r findingRank) value() string {
	v := string(OpenFindings)
	if r.acknowledged {
		v = string(AcknowledgedFindings)
	}
	if r.expected {
		v += " expected"
	}
	return v
}

// IsFinding reports whether an event is one that can be among the findings. A
// verdict that does not hold any more is not.
func IsFinding(e *audit.Event) bool {
	finding, _ := isFinding(e)
	return finding
}

// IsExpected reports whether a finding is left out of the findings unless its state
// is asked for.
func IsExpected(e *audit.Event) bool {
	_, expected := isFinding(e)
	return expected
}

// isFinding reports whether an event is listed with the findings for as long as it
// holds, and whether it tells what somebody has announced, or what CloudTrail
// does as a matter of course: that needs an eye only if it is looked for.
func isFinding(e *audit.Event) (finding, expected bool) {
	switch e.Kind {
	case audit.KindFinding:
		switch correlate.Kind(e.State) {
		case correlate.Amended, correlate.KnownDirect, correlate.Covered:
			return true, true
		}
		return true, false
	case audit.KindVerdict:
		switch correlate.State(e.State) {
		case correlate.Missing, correlate.Mismatched, correlate.Ambiguous:
			return e.Of != "", false
		}
	}
	return false, false
}

// addFinding takes in an event, if it is a finding.
func (w *writer) addFinding(ctx context.Context, index uint64, e *audit.Event) error {
	finding, expected := isFinding(e)
	if !finding {
		return nil
	}
	_, err := w.post(ctx, fieldFinding, findingRank{expected: expected}.value(), index)
	return err
}

// retire takes a verdict that does not hold any more from the findings, if it was
// among them.
func (w *writer) retire(ctx context.Context, index uint64) error {
	for _, acknowledged := range []bool{false, true} {
		name, err := w.names.id(ctx, fieldFinding, findingRank{acknowledged: acknowledged}.value())
		if err != nil {
			return err
		}
		if _, err := w.unmark(ctx, name, index); err != nil {
			return err
		}
	}
	return nil
}

// addAcknowledgement moves the findings that it is about.
func (w *writer) addAcknowledgement(ctx context.Context, e *audit.Event) error {
	var about []uint64
	err := w.sets.ownRows(ctx, idKey(e.Of), roleOther, roleOther, func(_ idRole, index uint64) { about = append(about, index) })
	if err != nil {
		return err
	}
	for _, index := range about {
		for _, expected := range []bool{false, true} {
			open, err := w.names.id(ctx, fieldFinding, findingRank{expected: expected}.value())
			if err != nil {
				return err
			}
			was, err := w.unmark(ctx, open, index)
			if err != nil {
				return err
			}
			if !was {
				continue
			}
			name, err := w.names.id(ctx, fieldFinding, findingRank{acknowledged: true, expected: expected}.value())
			if err != nil {
				return err
			}
			if err := w.mark(ctx, name, index); err != nil {
				return err
			}
		}
	}
	return nil
}
