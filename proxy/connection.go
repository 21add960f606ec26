package proxy

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// connection answers GetConnection: from the cache, from a fill that is under way for the same key, or by a fill of its own.
// The access key id that a call would be signed with right now is part of the key: it belongs to one session of one identity in one
// account, and it is known from the start, when the ARN is not.
func (h *Handler) connection(c *call) *Error {
	id, err := h.Upstream.Identity(context.Background(), c.principal.Name())
	if err != nil {
		return noAnswer(err)
	}
	key := h.Cache.Key(c.principal, cache.Upstream{
		Identity: id.AccessKeyID, Partition: id.Partition, Region: c.event.Region, Endpoint: h.Upstream.Endpoint(c.event.Region),
	}, operationGetConnection, c.target.ConnectionID)

	if entry, ok := h.Cache.Get(&key); ok {
		now := time.Now()
		c.from(entry, now.Sub(entry.Filled))
		c.reply.cache = cacheStatus{result: audit.CacheHit, ttl: entry.Expires.Sub(now)}
		c.reply.age = now.Sub(entry.Filled)
		return nil
	}

	return h.miss(c, key)
}

// miss asks AWS, or waits for the call that asks it already.
func (h *Handler) miss(c *call, key cache.Key) *Error {
	// The first to ask makes the call, in its own name and on its own record; it stays until the fill has ended, so the call is its to change.
	c.reply.cache = cacheStatus{result: audit.CacheMiss}
	filled, shared, err := h.Cache.Load(context.Background(), key, func(ctx context.Context) (cache.Filled, error) { return h.fill(ctx, c, &key) })
	if shared {
		c.reply.cache = cacheStatus{result: audit.CacheCoalesced}
	}
	if answer, ok := errors.AsType[*awsError](err); ok {
		c.relay(answer, shared)
		return nil
	}
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if p, ok := errors.AsType[*cache.PanicError](err); ok {
		h.Logger.Error("panic in a fill", slog.String("event_id", c.event.ID), slog.Any("panic", p.Value), slog.String("stack", string(p.Stack)))
		return broken(p.Value)
	}
	if err != nil {
		return noAnswer(&upstream.Error{Class: audit.ErrorClassUpstreamTimeout, Op: operationGetConnection, Reason: "deadline", Err: err})
	}
	if shared {
		c.from(filled.Entry, 0)
		return nil
	}
	c.reply.status, c.reply.body, c.reply.contentType = 200, filled.Entry.Body, filled.Entry.ContentType
	c.reply.requestID, c.reply.sha256 = filled.Entry.RequestID, filled.Entry.SHA256
	c.reply.cache.stored = filled.Store
	c.event.ErrorClass = audit.ErrorClassNone
	return nil
}

// from answers with what an earlier call brought.
func (c *call) from(entry *cache.Entry, age time.Duration) {
	c.reply.status, c.reply.body, c.reply.contentType = 200, entry.Body, entry.ContentType
	c.reply.fillRequestID, c.reply.sha256 = entry.RequestID, entry.SHA256
	c.fill = audit.Fill{EventID: entry.EventID, RequestID: entry.RequestID, AgeMS: age.Milliseconds()}
	c.event.Fill, c.event.ErrorClass = &c.fill, audit.ErrorClassNone
}

// fill asks AWS. What it returns goes to everybody who waits for the same key: an answer to store or not, an error of AWS's, or why
// there is none.
func (h *Handler) fill(ctx context.Context, c *call, key *cache.Key) (cache.Filled, error) {
	answer, e := h.send(ctx, c)
	if e != nil {
		return cache.Filled{}, e
	}
	if answer.Status != 200 {
		relayed, e := h.understand(c, answer)
		if e != nil {
			return cache.Filled{}, e
		}
		return cache.Filled{}, relayed
	}
	complete, err := outposts.CheckConnection(answer.Body, c.target.ConnectionID)
	if err == nil && !isJSON(answer.ContentType) {
		err = errNotJSON
	}
	if err != nil {
		return cache.Filled{}, invalidAnswer(err)
	}
	now := time.Now()
	return cache.Filled{
		Entry: &cache.Entry{
			Body: answer.Body, ContentType: answer.ContentType, SHA256: hexSHA256(answer.Body),
			RequestID: answer.RequestID, EventID: c.event.ID, Principal: c.principal.Name(),
			Filled: now, Expires: h.Cache.Expiry(now, answer.Identity.Expires, c.principal.Expires()),
		},
		Store: complete && answer.Identity.AccessKeyID == key.Identity, // credentials may have been renewed meanwhile
	}, nil
}
