package ledger

import (
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// Verdict is the answer of a verification.
type Verdict string

const (
	// Sound: every byte is what the checkpoints say.
	Sound Verdict = "sound"
	// NotSound: there are faults.
	NotSound Verdict = "not_sound"
	// Unchecked: verification did not get to an answer.
	Unchecked Verdict = "unchecked"
)

// FaultKind says what is wrong.
type FaultKind string

const (
	FaultChanged    FaultKind = "changed"     // an entry is not the one that was signed
	FaultMissing    FaultKind = "missing"     // an entry is not there, later ones are
	FaultDuplicated FaultKind = "duplicated"  // an entry stands there once more
	FaultMoved      FaultKind = "moved"       // an entry stands in the place of another
	FaultInserted   FaultKind = "inserted"    // a line that is no entry of the log
	FaultMalformed  FaultKind = "malformed"   // a line is not what the journal writes
	FaultTruncated  FaultKind = "truncated"   // the journal ends before the log's own checkpoint
	FaultRolledBack FaultKind = "rolled_back" // the log ends before a checkpoint kept elsewhere
	FaultRewritten  FaultKind = "rewritten"   // entries and tiles agree with each other, but not with the checkpoint
	FaultFork       FaultKind = "fork"        // a checkpoint kept elsewhere tells another history
	FaultCheckpoint FaultKind = "checkpoint"  // a checkpoint is missing, damaged or signed by another key
	FaultTile       FaultKind = "tile"        // a tile is damaged; gatepost makes it again from the journal
)

// Fault is one thing that is wrong.
type Fault struct {
	Kind FaultKind `json:"kind"`
	// Entry says whether First and Last mean entries: all kinds do but those of
	// checkpoints.
	Entry bool   `json:"entry"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
	// Other is the entry that stands at First, for moved and duplicated ones.
	Other uint64 `json:"other,omitempty"`

	File   string `json:"file,omitempty"`
	Offset int64  `json:"offset,omitempty"`
	Detail string `json:"detail,omitempty"`
}

// Repairable reports whether the fault is of something that can be made again
// from what is sound.
func (f Fault) Repairable() bool { return f.Kind == FaultTile }

func (f Fault) String() string {
	var b strings.Builder
	switch {
	case f.Entry && f.First == f.Last:
		fmt.Fprintf(&b, "entry %d: ", f.First)
	case f.Entry:
		fmt.Fprintf(&b, "entries %d to %d: ", f.First, f.Last)
	}
	b.WriteString(strings.ReplaceAll(string(f.Kind), "_", " "))
	if f.File != "" {
		fmt.Fprintf(&b, " (%s", f.File)
		if f.Kind != FaultTile && f.Kind != FaultCheckpoint {
			fmt.Fprintf(&b, ", byte %d", f.Offset)
		}
		b.WriteString(")")
	}
	if f.Detail != "" {
		b.WriteString(": " + f.Detail)
	}
	return b.String()
}

// Report is what a verification found.
type Report struct {
	Verdict Verdict `json:"verdict"`

	Origin string   `json:"origin"`
	Keys   []string `json:"keys"` // names and hashes of the verifier keys
	// KeyFromLog: the key was the one that stands beside the log. Whoever can
	// rewrite the log could have replaced it.
	KeyFromLog bool `json:"key_from_log"`

	First   uint64    `json:"first"`   // the first entry that the journal holds, after pruning
	Pruned  uint64    `json:"pruned"`  // entries before that, of which only the tiles are left, as the log itself records
	Size    uint64    `json:"size"`    // entries of the log
	Bytes   int64     `json:"bytes"`   // read from the journal
	Root    tlog.Hash `json:"root"`    // over all entries, as they are
	Surplus int64     `json:"surplus"` // bytes behind the ends of abandoned segments, which are not part of the log
	// SurplusIn tells where the surplus is, in the order of the log.
	SurplusIn []SurplusIn `json:"surplus_in,omitempty"`
	// Unfinished is what an interrupted write left at the end, or one in progress.
	Unfinished int64 `json:"unfinished"`

	// Checkpoint is the log's own newest one, if it is readable.
	Checkpoint *Checkpoint `json:"checkpoint"`
	// Uncovered counts the entries that no checkpoint covers yet: those could be
	// changed without a trace.
	Uncovered uint64 `json:"uncovered"`
	// Kept are the checkpoints from elsewhere that the log was compared with.
	Kept []KeptCheckpoint `json:"kept"`

	Faults []Fault `json:"faults"` // in the order of entries, at most MaxFaults
	More   int     `json:"more"`   // faults beyond those
}

// SurplusIn is what stands behind the last entry of a segment that is not the
// newest, up to the segment's end.
type SurplusIn struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Bytes  int64  `json:"bytes"`
}

// KeptCheckpoint is a checkpoint from elsewhere.
type KeptCheckpoint struct {
	File       string     `json:"file"`
	Checkpoint Checkpoint `json:"checkpoint"`
}

// surplus counts bytes of a segment, of which those before have been counted.
func (r *Report) surplus(file string, offset, length int64) {
	r.Surplus += length
	if n := len(r.SurplusIn); n > 0 && r.SurplusIn[n-1].File == file {
		r.SurplusIn[n-1].Bytes += length
		return
	}
	r.SurplusIn = append(r.SurplusIn, SurplusIn{file, offset, length})
}

// MaxFaults bounds the faults that a report lists.
const MaxFaults = 1000

// FirstBad returns the index of the first entry that is not sound.
func (r *Report) FirstBad() (index uint64, ok bool) {
	for _, f := range r.Faults {
		if f.Entry && !f.Repairable() && (!ok || f.First < index) {
			index, ok = f.First, true
		}
	}
	return index, ok
}

// Repairable reports whether nothing is wrong that cannot be made again.
func (r *Report) Repairable() bool {
	for _, f := range r.Faults {
		if !f.Repairable() {
			return false
		}
	}
	return r.More == 0
}
