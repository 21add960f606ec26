package journal

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// MaxBatchBytes bounds what is written between two syncs, and with it what an
	// interrupted write can damage: recovery takes a bad line for the remains of
	// an interrupted write only this close to the end of the log.
	MaxBatchBytes = 1 << 20

	// MaxQueuedBytes bounds the lines that wait for the disk. Append refuses with
	// "overload" at half of it; the other half is for owed lines.
	MaxQueuedBytes = 16 << 20

	defaultCommitTimeout = 250 * time.Millisecond
	defaultSegmentBytes  = 128 << 20

	// minSegmentBytes keeps a segment larger than the marker that opens it, or
	// rotation would never come to rest.
	minSegmentBytes = 4096

	// openTimeout bounds the wait for the first lines of a run. It is generous:
	// at boot, disks are busy.
	openTimeout = 10 * time.Second

	// giveUpGrace lets a writer that does not hang end in good order.
	giveUpGrace = 100 * time.Millisecond

	// maintainEvery is how soon an idle journal notices that its file is gone.
	maintainEvery = time.Second

	// freeEvery bounds the age of the free space that a busy journal goes by. No
	// disk of today fills a sensible reserve in this time.
	freeEvery = 100 * time.Millisecond

	// The first retry after an error comes at once, for a new segment is often
	// all it takes; then they thin out, for a full disk stays full for a while.
	firstBackoff = 10 * time.Millisecond
	maxBackoff   = time.Second
)

// Config says where a journal lives and what it may use.
type Config struct {
	Dir    string // created with mode 0700 if absent; files are of mode 0600
	Origin string // written into every line

	// Version of the program, for the start event.
	Version string

	CommitTimeout time.Duration // default 250ms
	SegmentBytes  int64         // a segment is closed once it has reached this; default 128 MiB, at least 4 KiB
	Reserve       int64         // free bytes of the file system that only owed lines may use

	FS       FS           // nil is the operating system
	Logger   *slog.Logger // nil discards
	Observer Observer     // nil is none

	// The constants of these names, for tests.
	packAge, packEvery time.Duration
}

// Observer is told what the journal does. It is called from many goroutines and
// must return quickly; it must not call the journal.
type Observer interface {
	// Committed: a batch became durable, commit after its first line was queued.
	Committed(entries int, commit, fsync time.Duration)
	// Appended: a line was queued. It becomes durable unless the process dies first.
	Appended(kind audit.Kind)
	// Refused: a caller was turned away, or its wait timed out.
	Refused(reason string)
}

type noObserver struct{}

func (noObserver) Committed(int, time.Duration, time.Duration) {}
func (noObserver) Appended(audit.Kind)                         {}
func (noObserver) Refused(string)                              {}

func (c Config) withDefaults() (Config, error) {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("no directory"))
	}
	if c.CommitTimeout < 0 {
		faults = append(faults, errors.New("commit timeout is negative"))
	}
	if c.SegmentBytes != 0 && c.SegmentBytes < minSegmentBytes {
		faults = append(faults, errors.New("segments of less than 4 KiB"))
	}
	if c.Reserve < 0 {
		faults = append(faults, errors.New("reserve is negative"))
	}
	c.CommitTimeout = cmp.Or(c.CommitTimeout, defaultCommitTimeout)
	c.SegmentBytes = cmp.Or(c.SegmentBytes, defaultSegmentBytes)
	c.packAge = cmp.Or(c.packAge, packAge)
	c.packEvery = cmp.Or(c.packEvery, packEvery)
	if c.FS == nil {
		c.FS = osFS{}
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = noObserver{}
	}
	return c, errors.Join(faults...)
}
