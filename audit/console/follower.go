package console

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// heartbeat shows both ends that the other is there, and tells a client whose
// filter chooses little how far it has come. Middleboxes forget connections that
// are idle for longer.
const heartbeat = 15 * time.Second

// pace is how often a stream reads at most. A first event is sent at once, and
// those of a busy log together: many viewers must not cost as many wakings for
// each call that is recorded.
const pace = 100 * time.Millisecond

// looks is after how many entries without one that is chosen a stream looks up
// from reading.
const looks = 1024

// end is why a stream ended.
type end string

const (
	endGone       end = "gone"       // the client; nobody is told
	endSlow       end = "slow"       // the client reads too slowly
	endRevoked    end = "revoked"    // the token is no longer valid
	endShutdown   end = "shutdown"   // gatepost stops
	endUnreadable end = "unreadable" // the log, at this place
)

// follower reads the log for one stream.
type follower struct {
	log     Log
	filter  *query
	next    uint64 // entries below it are dealt with
	out     *eventWriter
	allowed func() bool
}

// follow sends the entries that the filter chooses until there is a reason to
// end. It reads what is there, then waits for more: nothing happens between the
// two that it does not see, for the watch began before the reading.
func (f *follower) follow(ctx context.Context, closing <-chan struct{}) (end, error) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	f.out.progress(f.next)
	for {
		read := time.Now()
		grown := f.log.Watch()
		why, err := f.catchUp(ctx, closing)
		if why == endUnreadable {
			f.flush() // what stands before that place is sound
		}
		if why != "" {
			return why, err
		}
		if why := f.flush(); why != "" {
			return why, nil
		}
		select {
		case <-grown:
			time.Sleep(pace - time.Since(read)) // shorter than anybody waits for an end
		case <-beat.C:
			f.out.beat(f.next)
		case <-closing:
			return endShutdown, nil
		case <-ctx.Done():
			return endGone, nil
		}
	}
}

// catchUp reads to the end of the log.
func (f *follower) catchUp(ctx context.Context, closing <-chan struct{}) (end, error) {
	flushed := time.Now()
	for line, err := range f.log.Read(f.next) {
		if missing, ok := errors.AsType[*journal.MissingError](err); ok {
			f.out.gap(missing.First, missing.Last)
			f.next = missing.Last + 1
			continue
		}
		if err != nil {
			return endUnreadable, err
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			return endUnreadable, err
		}
		f.next = line.Index + 1
		if f.filter.match(&e) {
			f.out.event(line.Index, line.Bytes)
		}
		if f.out.full() {
			if why := f.flush(); why != "" {
				return why, nil
			}
			flushed = time.Now()
		}
		if f.next%looks != 0 {
			continue
		}
		select {
		case <-closing:
			return endShutdown, nil
		case <-ctx.Done():
			return endGone, nil
		default:
		}
		if time.Since(flushed) >= heartbeat {
			f.out.beat(f.next)
			if why := f.flush(); why != "" {
				return why, nil
			}
			flushed = time.Now()
		}
	}
	return "", nil
}

// flush sends what has gathered, if the bearer may still have it.
func (f *follower) flush() end {
	if f.out.empty() {
		return ""
	}
	if !f.allowed() {
		f.out.discard()
		return endRevoked
	}
	return f.out.flush()
}

// match is that of the filter. Without a kind, neither intents nor verdicts are
// chosen unless they are asked for, as on a page of events.
func (q *query) match(e *audit.Event) bool {
	hidden := e.Kind == audit.KindIntent || e.Kind == audit.KindVerdict
	if hidden && q.filter.Kind == "" && !slices.Contains(q.also, e.Kind) {
		return false
	}
	return q.filter.Match(e)
}
