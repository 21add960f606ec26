package proxy

import (
	"crypto/tls"
	"strings"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// call is one request on its way through a Handler. It is reused: nothing in it outlives Serve.
type call struct {
	request *http1.Request
	event   audit.Event // filled in step by step; it becomes the intent and then the outcome

	target    outposts.Target
	signed    sigv4.Request
	principal keyring.Principal

	intended bool // the intent is durable: an outcome is owed
	late     bool // the intent was not durable in time, and may become so
	reply    reply

	tls  audit.TLS // what event points to
	fill audit.Fill
	up   audit.Upstream
}

var calls = sync.Pool{New: func() any { return new(call) }}

func newCall(r *http1.Request) *call {
	c := calls.Get().(*call)
	*c = call{request: r}
	c.event = audit.Event{
		ID: audit.NewID(r.Received), Kind: audit.KindOutcome, Time: r.Received,
		SourceIP: r.RemoteIP, SourcePort: r.Remote.Port(), UserAgent: r.Get("User-Agent"),
		Cache: audit.CacheNone,
	}
	if r.TLS != nil {
		c.tls = audit.TLS{Version: tls.VersionName(r.TLS.Version), Cipher: tls.CipherSuiteName(r.TLS.CipherSuite)}
		if len(r.TLS.PeerCertificates) > 0 {
			c.tls.Client = r.TLS.PeerCertificates[0].Subject.String()
		}
		c.event.TLS = &c.tls
	}
	return c
}

func (c *call) free() {
	*c = call{}
	calls.Put(c)
}

const (
	operationGetConnection   = "GetConnection"
	operationStartConnection = "StartConnection"
)

// aim records what the call asks for.
func (c *call) aim(t outposts.Target) {
	c.target = t
	c.event.Operation, c.event.ReadOnly = t.Name(), t.ReadOnly
	c.event.ConnectionID = t.ConnectionID
	if t.ConnectionID == "" {
		c.event.Path = t.Path
	}
}

// sentAs records the identity and the endpoint of a call to AWS.
func (c *call) sentAs(id upstream.Identity, endpoint string) {
	c.up = audit.Upstream{Account: id.Account, IdentityARN: id.ARN, AccessKeyID: id.AccessKeyID, Endpoint: endpoint}
	c.event.Upstream = &c.up
}

// fail turns the call into a refusal or an error answer.
func (c *call) fail(e *Error) {
	c.event.Reason, c.event.ErrorClass, c.event.ErrorCode = e.Reason, e.Class, e.Code
	c.event.Decision = audit.Deny
	if c.intended || e.Status >= 500 {
		c.event.Decision = audit.Allow // the policy allowed it; what failed came later
	}
	c.reply = reply{status: e.Status, errorType: e.Code, body: errorBody(e.Public), cache: c.reply.cache}
	if e.Status == 503 {
		c.reply.retryAfter = retryAfter
	}
}

// reply is an answer before it is written.
type reply struct {
	status      int
	body        []byte
	contentType string // "" means JSON
	errorType   string
	retryAfter  string
	cache       cacheStatus

	requestID     string // AWS's, when AWS answered this very call
	fillRequestID string // AWS's, when it answered the call that this answer comes from
	age           time.Duration
	sha256        string // of body, in hex, when it is known already
}

// errorBody is restJson1's error document. The texts are ours and need no escaping.
func errorBody(message string) []byte {
	return []byte(`{"message":"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(message) + `"}`)
}
