package ledger

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// VerifyOptions say what is verified, and against what.
type VerifyOptions struct {
	Dir string // the audit directory

	// VerifierKeys are the log's, in the note package's text form. Without any,
	// the one beside the log is used: then a log that was replaced whole, key and
	// all, is not found out.
	VerifierKeys []string
	// Checkpoints are files with checkpoints that were kept elsewhere, one or a
	// history each. Only they find a directory that was rolled back whole, or
	// rewritten by somebody who has the key.
	Checkpoints []string

	// Progress is called now and then, by one goroutine at a time.
	Progress func(Progress)
}

// Progress is how far a verification has got.
type Progress struct {
	Entries      uint64
	Bytes, Total int64 // of the journal
}

// progressEvery is often enough for a progress bar.
const progressEvery = 100 * time.Millisecond

// Verify reads every byte of a log and checks it against its tiles, its
// checkpoint and the checkpoints kept elsewhere. It takes time in proportion to
// the log and memory that does not depend on it, and changes nothing. It may run
// beside a writer.
//
// The report is always filled in as far as verification got. The error says that
// it did not get to an answer; then the verdict is Unchecked, whatever faults
// were found by then.
func Verify(ctx context.Context, o VerifyOptions) (*Report, error) {
	v := &verification{options: o, report: &Report{Verdict: Unchecked, SurplusIn: []SurplusIn{}, Faults: []Fault{}, Kept: []KeptCheckpoint{}}}
	err := v.run(ctx)
	v.settle()
	if err != nil {
		return v.report, fmt.Errorf("verify %s: %w", o.Dir, err)
	}
	v.report.Verdict = Sound
	if len(v.report.Faults) > 0 || v.report.More > 0 {
		v.report.Verdict = NotSound
	}
	return v.report, nil
}

// verification is one run of Verify, on one goroutine but for hashing.
type verification struct {
	options  VerifyOptions
	report   *Report
	keys     []note.Verifier
	root     *os.Root
	store    *store
	segments []segmentFile
	damaged  []damagedFrame

	own     int64 // size of the log's own checkpoint, 0 if there is no good one
	covered int64 // size of the largest good checkpoint

	walk    *walk
	faults  []Fault
	dropped int
}

func (v *verification) run(ctx context.Context) error {
	root, err := os.OpenRoot(v.options.Dir)
	if err != nil {
		return err
	}
	defer root.Close()
	v.root = root
	// The checkpoint is read before the journal: beside a writer, the journal
	// only grows meanwhile.
	ledger, err := openLedgerRoot(root)
	if err != nil {
		return err
	}
	defer ledger.Close()
	v.store = newStore(ledger)
	if err := v.readKeys(ledger); err != nil {
		return err
	}
	if err := v.readCheckpoint(ledger); err != nil {
		return err
	}
	if err := v.readKept(); err != nil {
		return err
	}
	if v.segments, err = listSegments(root); err != nil {
		return err
	}
	v.walk = newWalk(v)
	if err := v.readJournal(ctx); err != nil {
		return err
	}
	if v.walk.err != nil {
		return v.walk.err
	}
	v.judge()
	return nil
}

func openLedgerRoot(root *os.Root) (Root, error) {
	sub, err := root.OpenRoot(directoryName)
	if isNotExist(err) {
		// A log without any ledger still has a journal, which checkpoints kept
		// elsewhere may cover.
		return noRoot{}, nil
	}
	if err != nil {
		return nil, err
	}
	return osRoot{sub}, nil
}

func (v *verification) readKeys(ledger Root) (err error) {
	keys := v.options.VerifierKeys
	if len(keys) == 0 {
		key, err := readVerifierKey(ledger)
		if err != nil {
			return err
		}
		keys = []string{key}
		v.report.KeyFromLog = true
	}
	if v.keys, err = parseVerifiers(keys); err != nil {
		return err
	}
	for _, k := range v.keys {
		v.report.Keys = append(v.report.Keys, keyName(k))
	}
	v.report.Origin = v.keys[0].Name()
	return nil
}

func (v *verification) readCheckpoint(ledger Root) error {
	file := filepath.Join(directoryName, checkpointName)
	text, err := ledger.ReadFile(checkpointName)
	if isNotExist(err) {
		v.fault(Fault{Kind: FaultCheckpoint, File: file, Detail: "the log's checkpoint is gone"})
		return nil
	}
	if err != nil {
		return err
	}
	c, err := openCheckpoint(text, v.keys)
	if err != nil {
		v.fault(Fault{Kind: FaultCheckpoint, File: file, Detail: err.Error()})
		return nil
	}
	v.report.Checkpoint = &c
	v.own = int64(c.Size)
	v.covered = v.own
	return nil
}

func (v *verification) readKept() error {
	for _, file := range v.options.Checkpoints {
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		notes, _ := SplitCheckpoints(data)
		if len(notes) == 0 {
			return fmt.Errorf("%s holds no checkpoint", file)
		}
		for _, text := range notes {
			c, err := openCheckpoint(text, v.keys)
			if err != nil {
				v.fault(Fault{Kind: FaultCheckpoint, File: file, Detail: err.Error()})
				continue
			}
			v.report.Kept = append(v.report.Kept, KeptCheckpoint{file, c})
			v.covered = max(v.covered, int64(c.Size))
		}
	}
	slices.SortFunc(v.report.Kept, func(a, b KeptCheckpoint) int {
		return cmp.Compare(a.Checkpoint.Size, b.Checkpoint.Size)
	})
	return nil
}

func (v *verification) readJournal(ctx context.Context) error {
	var progress Progress
	for _, s := range v.segments {
		progress.Total += s.size
	}
	last := time.Now()
	tell := func() {
		if v.options.Progress != nil {
			progress.Entries = uint64(v.walk.next)
			v.options.Progress(progress)
		}
	}
	tell()
	n := 0
	for line, err := range scan(ctx, v.root, v.segments, &v.damaged) {
		if err != nil {
			return err
		}
		progress.Bytes += line.length
		v.walk.take(line)
		if n++; n%1024 == 0 && time.Since(last) >= progressEvery {
			last = time.Now()
			tell()
		}
	}
	v.walk.end()
	v.report.Bytes = progress.Bytes
	tell()
	return ctx.Err()
}

// maxNoted bounds the faults in memory; the report lists fewer.
const maxNoted = 16 * MaxFaults

func (v *verification) fault(f Fault) {
	if len(v.faults) >= maxNoted {
		v.dropped++
		return
	}
	v.faults = append(v.faults, f)
}

// settle puts the faults into the report, in the order of entries.
func (v *verification) settle() {
	slices.SortStableFunc(v.faults, func(a, b Fault) int {
		switch {
		case a.Entry != b.Entry && a.Entry:
			return 1
		case a.Entry != b.Entry:
			return -1
		}
		return cmp.Compare(a.First, b.First)
	})
	r := v.report
	r.More = v.dropped
	if n := len(v.faults); n > MaxFaults {
		r.More += n - MaxFaults
		v.faults = v.faults[:MaxFaults]
	}
	r.Faults = append(r.Faults, v.faults...)
}

// noRoot is the directory of a ledger that is not there.
type noRoot struct{ Root }

func (noRoot) ReadFile(string) ([]byte, error)  { return nil, os.ErrNotExist }
func (noRoot) Names(string) ([]string, error)   { return nil, os.ErrNotExist }
func (noRoot) Stat(string) (os.FileInfo, error) { return nil, os.ErrNotExist }
func (noRoot) Close() error                     { return nil }
