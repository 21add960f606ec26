package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"golang.org/x/mod/sumdb/tlog"
)

// UnsettledFor is how old an entry has to be before it may be pruned: by then
// CloudTrail has said about it what it will say, and everything that follows the
// log has read it.
const UnsettledFor = 3 * time.Hour

// PruneOptions say what is to be removed.
type PruneOptions struct {
	Dir    string    // the audit directory
	Before time.Time // entries that are older may go; none younger than UnsettledFor does

	// Progress is called now and then, by one goroutine.
	Progress func(Progress)
}

// PrunePlan is what a prune removes: whole segments from the log's beginning, of
// which every entry is old enough, stands as it was signed, and has its hash in a
// complete tile of level 0, which is what is left of it.
type PrunePlan struct {
	First    uint64    `json:"first"` // the entries from First on, up to the one before Keep
	Keep     uint64    `json:"keep"`  // the first that stays
	Segments int       `json:"segments"`
	Bytes    int64     `json:"bytes"` // on the disk
	Oldest   time.Time `json:"oldest,omitzero"`
	Newest   time.Time `json:"newest,omitzero"`
	Why      string    `json:"why"` // the segment behind stays
}

// Entries returns how many entries are removed.
func (p *PrunePlan) Entries() uint64 { return p.Keep - p.First }

// PlanPrune finds out what a prune would remove. It reads the lines and tiles in
// question and changes nothing. It may run beside a writer.
//
// A log that does not hold what was signed is not pruned: the error says so.
func PlanPrune(ctx context.Context, o PruneOptions) (*PrunePlan, error) {
	for attempt := 0; ; attempt++ {
		plan, err := planPrune(ctx, o)
		// Beside a ledger, tiles of the checkpoint that was read may be superseded
		// before they are.
		if _, damaged := errors.AsType[*DamagedError](err); damaged && attempt < 3 {
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("plan prune: %w", err)
		}
		return plan, nil
	}
}

func planPrune(ctx context.Context, o PruneOptions) (*PrunePlan, error) {
	root, err := osFS{}.OpenRoot(filepath.Join(o.Dir, directoryName))
	if isNotExist(err) {
		return nil, errors.New("the log has no signed checkpoint: nothing would prove what is removed")
	}
	if err != nil {
		return nil, err
	}
	defer root.Close()
	key, err := readVerifierKey(root)
	if err != nil {
		return nil, err
	}
	note, err := root.ReadFile(checkpointName)
	if err != nil {
		return nil, fmt.Errorf("read checkpoint: %w", err)
	}
	c, err := OpenCheckpoint(note, key)
	if err != nil {
		return nil, err
	}
	segments, err := journal.Segments(o.Dir)
	if err != nil {
		return nil, err
	}
	if len(segments) == 0 {
		return &PrunePlan{Why: "there is no log"}, nil
	}
	p := &pruning{
		dir: o.Dir, covered: c.Size,
		before: o.Before, plan: &PrunePlan{First: segments[0].First, Keep: segments[0].First},
		progress: o.Progress, ctx: ctx, hashes: newStore(root).hashes(c.tree(), func() int64 { return int64(c.Size) }),
	}
	if settled := time.Now().Add(-UnsettledFor); p.before.After(settled) {
		p.before = settled
	}
	for _, s := range segments {
		p.at.Total += s.Bytes
	}
	for i, s := range segments {
		if i == len(segments)-1 {
			p.plan.Why = fmt.Sprintf("entry %d is in the segment that is written to", s.First)
			break
		}
		if why, err := p.segment(s.First, segments[i+1].First); err != nil {
			return nil, err
		} else if why != "" {
			p.plan.Why = why
			break
		}
		p.plan.Segments++
		p.plan.Bytes += s.Bytes
		p.plan.Keep = segments[i+1].First
		p.at.Bytes += s.Bytes
		p.tell()
	}
	return p.plan, nil
}

// pruning is one run of PlanPrune.
type pruning struct {
	ctx     context.Context
	dir     string
	covered uint64 // entries that the checkpoint covers
	before  time.Time
	hashes  tlog.HashReader
	plan    *PrunePlan

	leaves   []byte // of the tile
	tile     int64
	progress func(Progress)
	at       Progress
}

// segment looks at the entries from first on, up to the one before end, and
// returns why they stay, if they do.
func (p *pruning) segment(first, end uint64) (why string, err error) {
	if whole := (end + tileWidth - 1) / tileWidth * tileWidth; whole > p.covered {
		return fmt.Sprintf("entry %d is in no complete tile that a checkpoint covers", end-1), nil
	}
	next, oldest, newest := first, p.plan.Oldest, p.plan.Newest
	for line, err := range journal.ReadDir(p.dir, first) {
		if err == nil && line.Index >= end {
			break
		}
		if err == nil {
			err = p.ctx.Err()
		}
		if err != nil {
			return "", fmt.Errorf("%w: run gatepost audit verify first", err)
		}
		e, err := audit.ParseLine(line.Bytes)
		if err == nil {
			err = p.check(line)
		}
		if err != nil {
			return "", fmt.Errorf("entry %d: %w", line.Index, err)
		}
		if !e.Time.Before(p.before) {
			return fmt.Sprintf("entry %d is of %s", line.Index, e.Time.UTC().Format(time.RFC3339)), nil
		}
		if oldest.IsZero() || e.Time.Before(oldest) {
			oldest = e.Time
		}
		if e.Time.After(newest) {
			newest = e.Time
		}
		next++
		if p.at.Entries++; p.at.Entries%4096 == 0 {
			p.tell()
		}
		if next == end {
			break
		}
	}
	if next < end {
		return "", fmt.Errorf("entry %d is missing: run gatepost audit verify first", next)
	}
	p.plan.Oldest, p.plan.Newest = oldest, newest
	return "", nil
}

// check compares a line with what was signed, by a tile that leads to the root.
func (p *pruning) check(line journal.Line) error {
	n := int64(line.Index) >> tileHeight
	if p.leaves == nil || p.tile != n {
		leaves, err := tlog.ReadTileData(tlog.Tile{H: tileHeight, L: 0, N: n, W: tileWidth}, p.hashes)
		if err != nil {
			return err
		}
		p.leaves, p.tile = leaves, n
	}
	leaf := p.leaves[line.Index%tileWidth*tlog.HashSize:][:tlog.HashSize]
	if h := tlog.RecordHash(line.Bytes); !bytes.Equal(h[:], leaf) {
		return errors.New("it is not what was signed: nothing is pruned, run gatepost audit verify")
	}
	return nil
}

func (p *pruning) tell() {
	if p.progress != nil {
		p.progress(p.at)
	}
}

// Prune removes what a plan says from the journal that the ledger follows. Before
// that it records it, as an event of kind admin with the action
// [journal.ActionPrune] and the first index that stays in its Count, and signs
// that: a log tells what was removed from it, and who asked for it. It returns the
// record's index.
//
// Run must not be going on. If it is interrupted, some of the segments are still
// part of the log, and the next prune removes them.
func (l *Ledger) Prune(ctx context.Context, j *journal.Journal, p *PrunePlan, by string) (record uint64, err error) {
	if p.Entries() == 0 {
		return 0, errors.New("prune: there is nothing to be removed")
	}
	if err := l.fits(p); err != nil {
		return 0, fmt.Errorf("prune: %w", err)
	}
	now := time.Now()
	e := &audit.Event{
		ID: audit.NewID(now), Kind: audit.KindAdmin, Time: now, Principal: by, Action: journal.ActionPrune, Count: p.Keep,
		Detail: fmt.Sprintf("entries %d to %d, from %s to %s, in %d segments of %d bytes", p.First, p.Keep-1,
			p.Oldest.UTC().Format(time.RFC3339), p.Newest.UTC().Format(time.RFC3339), p.Segments, p.Bytes),
	}
	commit, err := j.Append(ctx, e)
	if err != nil {
		return 0, fmt.Errorf("record the prune: %w", err)
	}
	if !l.running.TryLock() {
		return 0, errors.New("prune: the ledger is followed meanwhile")
	}
	err = l.step(ctx)
	l.running.Unlock()
	if err != nil {
		return 0, fmt.Errorf("sign the record of the prune: %w", err)
	}
	if c, _ := l.Checkpoint(); c.Size <= commit.Index {
		return 0, fmt.Errorf("sign the record of the prune: the checkpoint covers %d entries, and not entry %d", c.Size, commit.Index)
	}
	if _, err := j.Prune(commit.Index); err != nil {
		return commit.Index, err
	}
	return commit.Index, nil
}

// fits reports an error if the log has changed since a plan was made: it may
// only have grown.
func (l *Ledger) fits(p *PrunePlan) error {
	segments, err := journal.Segments(l.cfg.Dir)
	if err != nil {
		return err
	}
	is := func(first uint64) func(journal.Segment) bool {
		return func(s journal.Segment) bool { return s.First == first }
	}
	if p.Keep > l.last.Size || slices.IndexFunc(segments, is(p.First)) != 0 || !slices.ContainsFunc(segments, is(p.Keep)) {
		return errors.New("the log has changed since it was looked at: try again")
	}
	return nil
}
