package proxy

import (
	"context"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// Journal is where calls are recorded; [journal.Journal] states what each method promises.
type Journal interface {
	Append(ctx context.Context, e *audit.Event) (journal.Commit, error)
	Settle(ctx context.Context, e *audit.Event) (journal.Commit, error)
	Record(e *audit.Event)
}

// Upstream makes the calls to AWS; [upstream.Client] states what each method promises.
type Upstream interface {
	Identity(ctx context.Context, principal string) (upstream.Identity, error)
	Do(ctx context.Context, call upstream.Call) (upstream.Answer, error)
	Endpoint(region string) string
}

// Observer is told about every answered call, for metrics. Its methods are called on the path of a call: they must not block.
type Observer interface {
	// Request reports an answered call. The values are those of the audit event; operation is "" for a request that named none.
	Request(operation, region string, cache audit.CacheResult, decision audit.Decision, class audit.ErrorClass, took time.Duration, eventID string)
	// Rejected reports a request refused before it named an operation, or a connection that ended without an answer.
	Rejected(reason string)
}

// Config is what a Handler is made of. All of it is needed, save Logger.
type Config struct {
	Verifier *sigv4.Verifier
	Keys     *keyring.Ring
	Upstream Upstream
	Cache    *cache.Cache // nil: nothing is cached
	Journal  Journal
	Observer Observer
	Logger   *slog.Logger // for operators; nil discards
}
