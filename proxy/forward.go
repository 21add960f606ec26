package proxy

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// forward makes a call that is never answered from the cache; detail says why.
func (h *Handler) forward(c *call, detail string) *Error {
	c.reply.cache = cacheStatus{result: audit.CacheBypass, detail: detail}
	answer, e := h.send(context.Background(), c)
	if e != nil {
		return e
	}
	relayed, e := h.understand(c, answer)
	if e != nil {
		return e
	}
	c.relay(relayed, false)
	if c.event.Operation == operationStartConnection && answer.Status < 300 && h.Cache != nil {
		h.Cache.PurgePrincipal(c.principal.Name()) // an asset that is connected anew may have other details from now on
	}
	return nil
}

// send makes a call to AWS: nothing goes out before its intent is durable.
func (h *Handler) send(ctx context.Context, c *call) (upstream.Answer, *Error) {
	id, err := h.Upstream.Identity(ctx, c.principal.Name())
	if err != nil {
		return upstream.Answer{}, noAnswer(err)
	}
	c.sentAs(id, h.Upstream.Endpoint(c.event.Region))
	intent := c.event
	intent.Kind, intent.Time, intent.Cache = audit.KindIntent, time.Now(), c.reply.cache.event()
	commit, err := h.Journal.Append(ctx, &intent)
	if err != nil {
		c.late = errors.Is(err, journal.ErrTimeout) // it may become durable yet, and is then owed its outcome
		return upstream.Answer{}, notRecorded(err)
	}
	c.intended = true
	c.event.CommitUS = commit.Took.Microseconds()

	answer, err := h.Upstream.Do(ctx, upstream.Call{
		Operation: c.event.Operation, ReadOnly: c.event.ReadOnly, Method: c.request.Method, Path: c.target.Path, Query: c.target.Query,
		Region: c.event.Region, Body: c.request.Body, UserAgent: c.event.UserAgent, EventID: c.event.ID, Principal: c.principal.Name(),
	})
	if err != nil {
		if ue, ok := errors.AsType[*upstream.Error](err); ok {
			c.event.Attempts = ue.Attempts
		}
		return answer, noAnswer(err)
	}
	c.event.Attempts = answer.Attempts
	c.sentAs(answer.Identity, h.Upstream.Endpoint(c.event.Region))
	if (answer.Status == 401 || answer.Status == 403) && h.Cache != nil {
		h.Cache.PurgeIdentity(answer.Identity.AccessKeyID)
	}
	return answer, nil
}

// awsError is an answer of AWS's that is relayed and never stored. It is an error to the cache alone.
type awsError struct {
	reply   reply
	class   audit.ErrorClass
	code    string
	eventID string // of the call that brought it
}

func (a *awsError) Error() string { return fmt.Sprintf("AWS answered %d %s", a.reply.status, a.code) }

var errNotJSON = errors.New("answer is not JSON")

// understand checks an answer before anybody sees it. A success has to be JSON, or nothing. An error keeps its status and code, and
// gets a document of ours if its own is something that SDKs choke on, as of a load balancer in between.
func (h *Handler) understand(c *call, answer upstream.Answer) (*awsError, *Error) {
	r := &awsError{
		reply: reply{status: answer.Status, body: answer.Body, contentType: answer.ContentType, errorType: answer.ErrorType, retryAfter: answer.RetryAfter, requestID: answer.RequestID},
		class: answer.Class, code: answer.ErrorType, eventID: c.event.ID,
	}
	wellFormed := len(answer.Body) == 0 || isJSON(answer.ContentType) && json.Valid(answer.Body)
	switch {
	case answer.Status < 300 && !wellFormed:
		return nil, invalidAnswer(errNotJSON)
	case answer.Status >= 300 && (!wellFormed || len(answer.Body) == 0):
		r.reply.body, r.reply.contentType = errorBody(fmt.Sprintf("AWS answered %d without a JSON document.", answer.Status)), ""
		r.reply.errorType = cmp.Or(answer.ErrorType, typeOf(answer.Status))
	}
	return r, nil
}

// typeOf names an error that came without a name: it is not the API's own, but of something before it.
func typeOf(status int) string {
	switch status {
	case 429:
		return codeThrottling
	case 500:
		return codeInternal
	case 503:
		return codeUnavailable
	case 504:
		return codeGatewayTimeout
	}
	return codeBadGateway
}

// relay answers with what AWS said: to this call, or to the one that this call waited for.
func (c *call) relay(a *awsError, shared bool) {
	cache := c.reply.cache
	c.reply = a.reply
	c.reply.cache = cache
	if shared {
		c.reply.requestID, c.reply.fillRequestID = "", a.reply.requestID
		c.fill = audit.Fill{EventID: a.eventID, RequestID: a.reply.requestID}
		c.event.Fill = &c.fill
	}
	c.event.ErrorClass, c.event.ErrorCode = a.class, a.code
}

func isJSON(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	return err == nil && (media == "application/json" || media == "application/x-amz-json-1.1")
}

// validBody accepts what the API's operations take: nothing, or one JSON object.
func validBody(body []byte) bool {
	body = bytes.TrimLeft(body, " \t\r\n")
	return len(body) == 0 || body[0] == '{' && json.Valid(body)
}
