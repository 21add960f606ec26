package proxy

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"net/netip"
	"runtime/debug"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// Handler answers callers. It implements [http1.Handler].
type Handler struct {
	Config
	flood   *flood
	replays replays
}

// New makes a Handler. [Handler.Run] has to run beside it.
func New(c Config) *Handler {
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return &Handler{Config: c, flood: newFlood(c.Journal, time.Now)}
}

// Run records the summaries of refusals that were not recorded one by one, until ctx ends, and then those still open: stop the listener
// first, and the journal after.
func (h *Handler) Run(ctx context.Context) {
	tick := time.NewTicker(floodInterval)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			h.flood.summarise()
		case <-ctx.Done():
			h.flood.summarise()
			return
		}
	}
}

// Serve is a call's whole life. Whatever decide makes of it, the outcome is durable before the answer is written.
func (h *Handler) Serve(w *http1.Response, r *http1.Request) {
	c := newCall(r)
	defer c.free()
	if err := h.decide(c); err != nil {
		h.report(c, err)
		c.fail(err)
	}
	h.conclude(w, c)
}

// Refuse records and answers what is not a well-formed request.
func (h *Handler) Refuse(w *http1.Response, r *http1.Request, refusal http1.Refusal) {
	c := newCall(r)
	defer c.free()
	c.fail(refusedHTTP(refusal))
	h.Observer.Rejected(string(refusal.Reason))
	h.conclude(w, c)
}

// Dropped counts a connection that ended without an answer.
func (h *Handler) Dropped(_ netip.AddrPort, reason http1.Reason) { h.Observer.Rejected(string(reason)) }

// decide takes a well-formed request to an answer: canonical form, authentication, operation, authorisation, then the cache or AWS.
func (h *Handler) decide(c *call) (e *Error) {
	defer func() {
		if p := recover(); p != nil {
			h.Logger.Error("panic in a call", slog.String("event_id", c.event.ID), slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
			e = broken(p)
		}
	}()

	target, err := outposts.Parse(c.request.Method, c.request.Path, c.request.Query)
	if err != nil {
		return badTarget(err)
	}
	c.aim(target)

	claim, err := h.verify(c)
	if err != nil {
		return notAuthenticated(err)
	}
	c.principal, err = h.Keys.Authenticate(&claim)
	c.event.Principal = c.principal.Name()
	if refused, ok := errors.AsType[*keyring.Refused](err); ok {
		return keyRefused(refused)
	}
	if err != nil {
		return notAuthenticated(err)
	}

	if ok, reason := c.principal.Allows(target.Name(), c.event.Region, target.ConnectionID); !ok {
		if target.Operation == nil {
			return unknownOperation()
		}
		return notAllowed(reason)
	}
	c.event.Decision = audit.Allow

	if target.Operation != nil && !validBody(c.request.Body) {
		return badBody()
	}
	if c.event.ReadOnly {
		c.event.Repeat = h.replays.reads.seen(&claim.Signature, c.event.Time)
	} else if h.replays.writes.has(&claim.Signature, c.event.Time) {
		c.event.Repeat = true
		return replayed()
	}

	switch {
	case target.Name() != operationGetConnection:
		e = h.forward(c, "operation")
	case h.Cache == nil:
		e = h.forward(c, "disabled")
	default:
		e = h.connection(c)
	}
	switch {
	case e != nil:
		return e
	case c.event.ReadOnly && !c.principal.Current(): // the key changed while AWS was asked: what counts is what is allowed now
		return notAllowed(keyring.ReasonKeyChanged)
	case !c.event.ReadOnly && c.reply.status < 300:
		h.replays.writes.seen(&claim.Signature, c.event.Time)
	}
	return nil
}

// noBody is the SHA-256 of nothing, which is what every read carries.
var noBody = sha256.Sum256(nil)

// verify checks everything about the signature that needs no secret, and records what it claims.
func (h *Handler) verify(c *call) (sigv4.Claim, error) {
	r := c.request
	c.signed = sigv4.Request{Method: r.Method, Path: r.Path, Query: r.Query, Fields: r.Fields, PayloadHash: noBody}
	if len(r.Body) > 0 {
		c.signed.PayloadHash = sha256.Sum256(r.Body)
	}
	claim, err := h.Verifier.Parse(&c.signed)
	c.event.AccessKeyID, c.event.Region = claim.AccessKeyID, claim.Region
	return claim, err
}

// conclude makes the outcome durable and only then lets the answer go.
func (h *Handler) conclude(w *http1.Response, c *call) {
	e := &c.event
	index, recorded, err := h.record(c)
	if err != nil {
		if e.ReadOnly || !c.intended {
			c.withhold(notRecorded(err))
		} else {
			c.withhold(outcomeNotRecorded(err))
		}
		h.Logger.Error("call not recorded", slog.String("event_id", e.ID), slog.Any("err", err))
	}
	c.reply.write(w, e.ID, index, recorded)
	h.Observer.Request(e.Operation, e.Region, e.Cache, e.Decision, e.ErrorClass, time.Since(c.request.Received), e.ID)
}

// record makes the outcome durable. A refusal of somebody who proved nothing may instead be counted in a summary, whose event id and
// place then become the call's.
func (h *Handler) record(c *call) (index uint64, recorded bool, err error) {
	e := &c.event
	if c.principal.KeyID() == "" && e.Decision == audit.Deny {
		alone, in, err := h.flood.admit(c.request.Remote.Addr())
		if err != nil {
			return 0, false, err
		}
		if !alone {
			e.ID = in.id
			return in.index, true, nil
		}
	}

	e.Kind = audit.KindOutcome
	e.Status, e.Cache = c.reply.status, c.reply.cache.event()
	e.ResponseBytes, e.ResponseSHA256 = int64(len(c.reply.body)), c.reply.sha256
	if e.ResponseSHA256 == "" {
		e.ResponseSHA256 = hexSHA256(c.reply.body)
	}
	e.Time = time.Now()
	e.DurationUS = e.Time.Sub(c.request.Received).Microseconds()

	var commit journal.Commit
	switch {
	case c.late:
		h.Journal.Record(e)
		return 0, false, nil
	case c.intended:
		e.ClientGone = c.request.ClientGone()
		commit, err = h.Journal.Settle(context.Background(), e)
	default:
		commit, err = h.Journal.Append(context.Background(), e)
	}
	if errors.Is(err, journal.ErrTimeout) {
		// The line may become durable yet, and would then claim an answer that was not given.
		h.Journal.Record(&audit.Event{ID: audit.NewID(time.Now()), Kind: audit.KindSystem, Time: time.Now(), Action: "answer_withheld", Of: e.ID})
	}
	return commit.Index, err == nil, err
}

// withhold replaces an answer that could not be recorded.
func (c *call) withhold(e *Error) {
	c.fail(e)
	c.reply.cache.stored = false
}

// report tells operators of a failure that is theirs to mend. What callers did wrong is in the audit log, not here.
func (h *Handler) report(c *call, e *Error) {
	if e.Status < 500 {
		return
	}
	h.Logger.Warn("call failed", slog.String("event_id", c.event.ID), slog.String("operation", c.event.Operation),
		slog.String("principal", c.event.Principal), slog.String("error_class", string(e.Class)), slog.Any("err", e))
}

func hexSHA256(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
