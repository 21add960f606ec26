package upstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// Client makes calls to AWS. Its methods are safe for concurrent use.
type Client struct {
	config    Config
	endpoints map[string]endpoint // by region
	transport http.RoundTripper
	turns     chan struct{} // holds one value for each call under way
	signers   *signers
	clock     clock
	log       *slog.Logger
	observer  Observer
	closeIdle func()
}

// New reads the SDK's configuration and makes a client. It reports faults of the
// configuration and does not wait for the network; credentials are looked up when
// the first call needs them. Close the client when it is no longer needed.
func New(ctx context.Context, c Config) (*Client, error) {
	c.Timeout = cmp.Or(c.Timeout, DefaultTimeout)
	c.MaxInFlight = cmp.Or(c.MaxInFlight, DefaultMaxInFlight)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	if c.Observer == nil {
		c.Observer = nobody{}
	}
	c.Regions = slices.Clone(c.Regions)
	if err := c.validate(); err != nil {
		return nil, err
	}
	endpoints, err := resolveEndpoints(ctx, &c)
	if err != nil {
		return nil, err
	}
	sdk, err := loadSDK(ctx, &c)
	if err != nil {
		return nil, err
	}
	for _, e := range endpoints {
		if e.scheme == "http" && !isLoopback(e.host) {
			c.Logger.WarnContext(ctx, "upstream endpoint is not encrypted", "endpoint", e.String())
		}
	}
	transport := newTransport(&c, &net.Dialer{}, rootCAs(sdk), guardedAddresses(endpoints))
	return newClient(c, endpoints, transport, newSigners(&c, sdk, endpoints, transport)), nil
}

func newClient(c Config, endpoints map[string]endpoint, transport http.RoundTripper, s *signers) *Client {
	client := &Client{
		config:    c,
		endpoints: endpoints,
		transport: transport,
		turns:     make(chan struct{}, c.MaxInFlight),
		signers:   s,
		clock:     clock{log: c.Logger},
		log:       c.Logger,
		observer:  c.Observer,
		closeIdle: func() {},
	}
	if t, ok := transport.(interface{ CloseIdleConnections() }); ok {
		client.closeIdle = t.CloseIdleConnections
	}
	return client
}

func (c *Config) validate() error {
	var faults []error
	if len(c.Regions) == 0 {
		faults = append(faults, errors.New("no region"))
	}
	if c.Timeout < 0 || c.MaxInFlight < 0 {
		faults = append(faults, fmt.Errorf("timeout %v and %d calls in flight: not positive", c.Timeout, c.MaxInFlight))
	}
	if c.AssumeRole.PerPrincipal && c.AssumeRole.RoleARN == "" {
		faults = append(faults, errors.New("a role for each principal, and no role"))
	}
	if err := errors.Join(faults...); err != nil {
		return fmt.Errorf("configure upstream: %w", err)
	}
	return nil
}

// Close ends the background work and closes idle connections. Calls must have
// ended.
func (c *Client) Close() {
	c.signers.close()
	c.closeIdle()
}

// Do makes one call and answers what AWS said. The error is always an [*Error].
func (c *Client) Do(ctx context.Context, call Call) (Answer, error) {
	where, ok := c.endpoints[call.Region]
	if !ok {
		return Answer{}, &Error{Class: audit.ErrorClassOther, Op: call.Operation, Reason: "region not served"}
	}
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if err := c.wait(ctx); err != nil {
		return Answer{}, waitError(call.Operation, err)
	}
	defer c.leave()

	var attempts []audit.Attempt
	sent := false
	var last *result
	for {
		signer, err := c.signers.sign(ctx, call.Principal)
		if err != nil {
			if last == nil {
				return Answer{}, credentialsError(ctx, call.Operation, err)
			}
			break // what the first try brought is all there is
		}
		first := last == nil
		last = c.try(ctx, where, &call, signer)
		c.observer.Attempt(call.Operation, call.Region, string(last.class()), last.took)
		if last.sent {
			sent = true
			attempts = append(attempts, last.attempt())
		}
		if last.answer.Class == audit.ErrorClassAWSAuth {
			c.signers.refused(call.Principal, signer)
		}
		if !first || !call.ReadOnly || !last.retryable() || !pause(ctx) {
			break
		}
		if last.staleConnection {
			// Its neighbours in the pool are likely to be as dead.
			c.closeIdle()
		}
	}
	if last.failure != nil {
		last.failure.Op, last.failure.Attempts, last.failure.Sent = call.Operation, attempts, sent
		return Answer{}, last.failure
	}
	last.answer.Attempts = attempts
	return last.answer, nil
}

// queueWait bounds the wait for a turn: long enough to ride out a burst, short
// enough that a caller learns of an overload while it can still retry elsewhere.
const queueWait = time.Second

var errOverload = errors.New("too many calls in flight")

func (c *Client) wait(ctx context.Context) error {
	select {
	case c.turns <- struct{}{}:
	default:
		timer := time.NewTimer(min(queueWait, c.config.Timeout/4))
		defer timer.Stop()
		select {
		case c.turns <- struct{}{}:
		case <-timer.C:
			return errOverload
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	c.observer.InFlight(1)
	return nil
}

func (c *Client) leave() {
	<-c.turns
	c.observer.InFlight(-1)
}

// Identity says whom a call for this principal would be signed as right now. It
// waits for credentials when there are none that are valid, at most for the
// configured timeout.
func (c *Client) Identity(ctx context.Context, principal string) (Identity, error) {
	s, err := c.signers.sign(ctx, principal)
	if err != nil {
		return Identity{}, credentialsError(ctx, "identity", err)
	}
	return s.identity, nil
}

// Status is what readiness shows.
type Status struct {
	OK          bool
	Reason      string        // why not
	Identity    Identity      // of the base credentials, or of the role that all share
	ClockOffset time.Duration // as of [Client.ClockOffset]
}

// Ready says whether calls can be signed. It waits for credentials as
// [Client.Identity] does.
func (c *Client) Ready(ctx context.Context) Status {
	identity, err := c.signers.ready(ctx)
	status := Status{OK: err == nil, Identity: identity, ClockOffset: c.ClockOffset()}
	if err != nil {
		status.Reason = err.Error()
	}
	return status
}

// ClockOffset is AWS's clock minus ours as last seen, zero before the first
// answer. It is good to about a second.
func (c *Client) ClockOffset() time.Duration { return time.Duration(c.clock.offset.Load()) }

// Endpoint is the scheme and host that calls for a region go to, "" for a region
// that is not served.
func (c *Client) Endpoint(region string) string {
	if e, ok := c.endpoints[region]; ok {
		return e.String()
	}
	return ""
}

// Simulated tells whether calls go to this machine: its AWS knows nobody whom the
// real one knows, nor the other way round.
func (c *Client) Simulated() bool { return isLoopback(c.endpoints[c.config.Regions[0]].host) }

// classify sorts an answer by what AWS says.
func classify(status int, code string) audit.ErrorClass {
	return audit.ErrorClass(outposts.ErrorClass(status, code))
}

// nobody observes nothing.
type nobody struct{}

func (nobody) InFlight(int)                                  {}
func (nobody) Attempt(string, string, string, time.Duration) {}
func (nobody) CredentialsExpiry(time.Time)                   {}
