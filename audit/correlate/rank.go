package correlate

// rank orders the states of an attempt: a state gives way to one of a higher rank.
// Matched and mismatched give way to each other, when CloudTrail corrects itself.
type rank uint8

const (
	rankPending rank = iota
	rankNotExpected
	rankLate
	rankUnknown
	rankMissing
	rankAmbiguous
	rankMatchedWeak
	rankMatched
	rankMismatched
	ranks
)

// stateOf has the state of each rank. Never written to.
var stateOf = [ranks]State{Pending, NotExpected, Late, Unknown, Missing, Ambiguous, MatchedWeak, Matched, Mismatched}

func (r rank) state() State { return stateOf[r] }

func rankOf(s State) (rank, bool) {
	for r, state := range stateOf {
		if state == s {
			return rank(r), true
		}
	}
	return 0, false
}
