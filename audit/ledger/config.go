package ledger

import (
	"cmp"
	"errors"
	"log/slog"
	"time"
)

const (
	// directoryName is the ledger's own directory below the audit directory.
	directoryName  = "ledger"
	checkpointName = "checkpoint"
	lockName       = "lock"

	defaultInterval = time.Second

	// flushTiles bounds the memory of following: so many complete tiles, 8 KiB
	// each, are gathered before they are written.
	flushTiles = 128

	// A step that failed is tried again after the interval, and then ever later:
	// a full disk stays full for a while.
	maxBackoff = time.Minute

	// Tiles that could not be rebuilt are waiting for somebody to restore a file.
	mendRetry = time.Minute
)

// Config says what a ledger follows and where it keeps its files.
type Config struct {
	// Dir is the audit directory. The ledger's files are in ledger/ below it.
	Dir string
	// Origin is the log's name in checkpoints, and its key's name. It must not
	// change in the life of a log.
	Origin string
	// Interval is how old an entry may become before a checkpoint covers it;
	// default 1s.
	Interval time.Duration
	// KeyFile is the signing key's path. It is made on the first start. Empty is
	// ledger/key; elsewhere is better, for whoever can write the log and has the
	// key can write another history.
	KeyFile string

	Source   Source
	Sinks    []Sink       // get a copy of each checkpoint
	FS       FS           // nil is the operating system
	Logger   *slog.Logger // nil discards
	Observer Observer     // nil is none
}

// Observer is told what the ledger does. It must return quickly and must not
// call the ledger.
type Observer interface {
	// Signed: a checkpoint is durable. Took is from reading the journal on.
	Signed(size uint64, took time.Duration)
	// Failed: a step did not succeed and will be tried again. It is one of those below.
	Failed(step string)
}

// The closed set of steps that may fail.
const (
	StepRead       = "read"       // reading the journal
	StepTiles      = "tiles"      // writing tiles or reading them back
	StepCheckpoint = "checkpoint" // signing, comparing, writing the checkpoint
	StepCopy       = "copy"       // giving a copy to a sink
)

type noObserver struct{}

func (noObserver) Signed(uint64, time.Duration) {}
func (noObserver) Failed(string)                {}

func (c Config) withDefaults() (Config, error) {
	var faults []error
	if c.Dir == "" {
		faults = append(faults, errors.New("no directory"))
	}
	if c.Origin == "" {
		faults = append(faults, errors.New("no origin"))
	}
	if c.Source == nil {
		faults = append(faults, errors.New("no source"))
	}
	if c.Interval < 0 {
		faults = append(faults, errors.New("interval is negative"))
	}
	c.Interval = cmp.Or(c.Interval, defaultInterval)
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
