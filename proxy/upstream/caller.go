package upstream

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// caller finds out the ARN and the account of base credentials, which do not say
// it themselves, by asking STS in the background. It is best effort: nothing
// waits for it, and a call is signed all the same while it is not known.
type caller struct {
	ask  func(context.Context, *snapshot) (account, arn string, err error)
	work *background
	log  *slog.Logger

	mu      sync.Mutex // guards the fields below
	known   *snapshot  // the latest set, named
	of      *snapshot  // the set that known was made of
	running bool
	failed  int // times in a row
	next    time.Time
}

// name is the set with its owner if that is known, else the set itself.
func (c *caller) name(set *snapshot) *snapshot {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == set {
		return c.known
	}
	if now := time.Now(); !c.running && !now.Before(c.next) {
		c.running = true
		c.work.start(func(ctx context.Context) { c.learn(ctx, set) })
	}
	return set
}

func (c *caller) learn(ctx context.Context, set *snapshot) {
	account, arn, err := c.ask(ctx, set)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = false
	if err != nil {
		c.next = time.Now().Add(min(shortestBackoff<<min(c.failed, 10), longestBackoff))
		c.failed++
		c.log.WarnContext(ctx, "look up upstream identity", "err", err)
		return
	}
	c.failed = 0
	named := *set
	named.identity.Account, named.identity.ARN = account, arn
	c.of, c.known = set, &named
}
