package ledger

// Reason is why a ledger refuses to sign.
type Reason string

const (
	// ReasonRolledBack: the journal, or the whole directory, is an older state
	// of itself.
	ReasonRolledBack Reason = "rolled_back"
	// ReasonRewritten: the journal does not hold the entries that were signed.
	ReasonRewritten Reason = "rewritten"
	// ReasonSecondWriter: somebody else has replaced the checkpoint.
	ReasonSecondWriter Reason = "second_writer"
	// ReasonForked: a copy of a checkpoint tells another history.
	ReasonForked Reason = "forked"
	// ReasonCheckpoint: the checkpoint is gone or cannot be read.
	ReasonCheckpoint Reason = "checkpoint_lost"
	// ReasonKey: the signing key is gone or is not the one that signed so far.
	ReasonKey Reason = "key_lost"
)

// RefusedError says that signing would mean, or could mean, to contradict what
// was signed before. It does not go away by itself: somebody has to look.
type RefusedError struct {
	Reason Reason
	What   string // what was found
	Do     string // what to do about it
	Err    error  // the cause, if there is one beyond What
}

func (e *RefusedError) Error() string {
	s := "ledger refuses to sign: " + e.What
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s + ". " + e.Do
}

func (e *RefusedError) Unwrap() error { return e.Err }

// What to do, where more than one finding has the same advice.
const (
	adviseVerify = "Keep the directory as it is, run gatepost audit verify with a checkpoint kept elsewhere, " +
		"and restore the audit directory whole from its newest copy; or move it away and start a new log under another audit.origin"
	adviseWriter = "Find the other process or the job that writes here (a second gatepost, a restore, a synchronisation), " +
		"stop it, and run gatepost audit verify before starting again"
	adviseRestore = "Restore it from a copy; or move the audit directory away and start a new log under another audit.origin"
)
