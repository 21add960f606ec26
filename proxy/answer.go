package proxy

import (
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
)

// cacheStatus is what the Cache-Status field says (RFC 9211).
type cacheStatus struct {
	result audit.CacheResult
	stored bool
	ttl    time.Duration // of a hit
	detail string        // of a bypass
}

// event is the same for the audit event.
func (s cacheStatus) event() audit.CacheResult {
	if s.result == "" {
		return audit.CacheNone
	}
	return s.result
}

func (s cacheStatus) text() string {
	switch s.result {
	case audit.CacheHit:
		return "gatepost; hit; ttl=" + strconv.FormatInt(int64(s.ttl/time.Second), 10)
	case audit.CacheMiss:
		if s.stored {
			return "gatepost; fwd=miss; stored"
		}
		return "gatepost; fwd=miss"
	case audit.CacheCoalesced:
		return "gatepost; fwd=miss; collapsed"
	case audit.CacheBypass:
		return "gatepost; fwd=bypass; detail=" + s.detail
	default:
		return "gatepost; detail=refused"
	}
}

// write puts the reply on the wire's side. index is the outcome's position in the log, absent when the outcome is not in it (yet).
func (p *reply) write(w *http1.Response, eventID string, index uint64, recorded bool) {
	w.Status, w.Body = p.status, p.body
	contentType := p.contentType
	if contentType == "" {
		contentType = "application/json"
	}
	w.Set("Content-Type", contentType)
	w.Set("Cache-Control", "no-store")
	requestID := p.requestID
	if requestID == "" {
		requestID = eventID
	}
	w.Set("x-amzn-RequestId", requestID)
	if p.errorType != "" {
		w.Set("x-amzn-ErrorType", p.errorType)
	}
	w.Set("X-Gatepost-Event-Id", eventID)
	if recorded {
		w.SetInt("X-Gatepost-Event-Index", int64(index))
	}
	w.Set("Cache-Status", p.cache.text())
	if p.cache.result == audit.CacheHit {
		w.SetInt("Age", int64(p.age/time.Second))
	}
	if p.fillRequestID != "" {
		w.Set("X-Gatepost-Fill-Request-Id", p.fillRequestID)
	}
	if p.retryAfter != "" {
		w.Set("Retry-After", p.retryAfter)
	}
	if p.status == 405 {
		w.Set("Allow", "GET, POST, PUT, PATCH, DELETE")
	}
}
