package correlate

import "slices"

// State is what CloudTrail says about one attempt of a call, or about a call that
// made none.
type State string

const (
	NotApplicable State = "not_applicable" // the call made no attempt, and repeats nobody's answer
	Derived       State = "derived"        // a cached or shared answer: its state is that of the call that brought it
	NotExpected   State = "not_expected"   // CloudTrail records no such attempt: AWS did not know who called
	Pending       State = "pending"        // no record yet, and none is due
	Late          State = "late"           // no record yet, and one is due
	Matched       State = "matched"        // there is a record, and it agrees
	MatchedWeak   State = "matched_weak"   // there is a record that may well be this attempt's; nothing in it proves that
	Mismatched    State = "mismatched"     // there is a record, and it disagrees
	Missing       State = "missing"        // there is no record, and there should be
	Unknown       State = "unknown"        // nobody can say whether there should be a record
	Ambiguous     State = "ambiguous"      // there is a record that may be this attempt's or another's
)

// Kind is what a record in CloudTrail is to this log.
type Kind string

const (
	Covered         Kind = "covered"          // it is a call of ours; the verdict on it says so
	Bypass          Kind = "bypass"           // somebody went round gatepost
	KnownDirect     Kind = "known_direct"     // likewise, and is expected to
	ForeignInstance Kind = "foreign_instance" // it names a call of another gatepost, or of none
	Amended         Kind = "amended"          // CloudTrail has corrected an earlier record
)

// States returns the closed set of states.
func States() []State { return slices.Clone(states[:]) }

// Kinds returns the closed set of kinds.
func Kinds() []Kind { return slices.Clone(kinds[:]) }

// states is the closed set, in the order of the contract. Never written to.
var states = [...]State{
	NotApplicable, Derived, NotExpected, Pending, Late, Matched, MatchedWeak, Mismatched, Missing, Unknown, Ambiguous,
}

// kinds is the closed set, in the order of the contract. Never written to.
var kinds = [...]Kind{Covered, Bypass, KnownDirect, ForeignInstance, Amended}
