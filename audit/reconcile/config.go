package reconcile

import (
	"context"
	"iter"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/archive"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Config says what is held against what. All of it is needed, but where a zero
// value is said to mean something.
type Config struct {
	Journal Journal
	Archive Archive
	Sources []Source

	// Correlate is the core's configuration; Start is set from the log.
	Correlate correlate.Config

	// PollInterval is the time between two polls of a source.
	PollInterval time.Duration

	Observer Observer     // nil is nobody
	Logger   *slog.Logger // nil discards
}

// Journal is the log; a *journal.Journal is one.
type Journal interface {
	Size() uint64
	Watch() <-chan struct{}
	Read(from uint64) iter.Seq2[journal.Line, error]
	// Append makes a line durable. After [journal.ErrTimeout] it is as soon as Size
	// is above the Commit's Index.
	Append(ctx context.Context, e *audit.Event) (journal.Commit, error)
}

// Archive keeps what was seen, and how far it was read; an *archive.Archive is
// one.
type Archive interface {
	cloudtrail.Places
	// Put keeps records durably, those that it does not have yet.
	Put(ctx context.Context, seen time.Time, records []cloudtrail.Record) error
	// Since yields the records of calls from a time on.
	Since(ctx context.Context, from time.Time) iter.Seq2[archive.Seen, error]
}

// Source is a source of records with a name for operators, such as its region.
type Source struct {
	Name string
	cloudtrail.Source
}

// Observer is told what was decided, for metrics. It must return quickly.
type Observer interface {
	// Lag: a record arrived so long after the call that it records.
	Lag(d time.Duration)
	// Found: a finding of this kind is in the log.
	Found(kind string)
}

type nobody struct{}

func (nobody) Lag(time.Duration) {}
func (nobody) Found(string)      {}
