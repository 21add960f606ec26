package console

import (
	"context"
	"encoding/json"
	"iter"
	"log/slog"
	"net/http"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/index"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Log is the log as followers read it; a [journal.Journal] is one.
type Log interface {
	// Size is the number of durable entries.
	Size() uint64
	// Watch returns a channel that is closed when Size grows after the call.
	Watch() <-chan struct{}
	// Read yields the durable lines from an index on.
	Read(from uint64) iter.Seq2[journal.Line, error]
}

// Recorder makes an event durable before it returns without an error; a
// [journal.Journal] is one.
type Recorder interface {
	Append(ctx context.Context, e *audit.Event) (journal.Commit, error)
}

// Prover proves that an entry is in the log. It may wait for a checkpoint that
// covers the entry until ctx is done.
type Prover interface {
	Prove(ctx context.Context, index uint64) ([]byte, error)
}

// Purger forgets cached answers, and says how many.
type Purger interface {
	PurgeAll() int
	PurgeConnection(id string) int
}

// Records has CloudTrail's records, as far as they were seen.
type Records interface {
	// Record returns the JSON of a record by its eventID, or nil.
	Record(ctx context.Context, eventID string) (json.RawMessage, error)
}

// Cached has the answers that the cache holds, without what is in them.
type Cached interface {
	Cached() []dashboard.Cached
}

// Keys has the callers' keys, without their secrets.
type Keys interface {
	Keys(ctx context.Context) ([]dashboard.Key, error)
}

// Config is what a Console is made of. All of it is needed, but where nil is
// said to mean something.
type Config struct {
	Log      Log
	Recorder Recorder
	Index    *index.Index
	Prover   Prover
	Tiles    http.Handler // answers /checkpoint and /tile/…
	Purger   Purger       // nil: there is no cache
	Records  Records      // nil: none are kept
	Cached   Cached       // nil: what the cache holds is not shown
	Keys     Keys         // nil: which keys there are is not shown
	Ready    func(context.Context) Readiness
	Metrics  http.Handler

	// Tokens say who may do what; nil is for a loopback listener, where everybody
	// on this machine is an operator.
	Tokens *token.Store

	// Hosts are the names by which requests may ask for the listener, beside
	// localhost and IP addresses; without tokens there are no others. A page whose
	// name was made to resolve to this machine gives itself away by it.
	Hosts []string

	// VerifierKey is what the log's checkpoints are verified with, in the note
	// package's text form; the dashboard checks proofs with it.
	VerifierKey string
	Version     string // gatepost's own

	Logger *slog.Logger // for operators; nil discards
}
