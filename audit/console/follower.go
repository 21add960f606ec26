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
	tail    *tail
	filter  *query
	next    uint64 // entries below it are dealt with
	out     *eventWriter
	allowed func() bool
	flushed time.Time // when catchUp last did
}

// follow sends the entries that the filter chooses until there is a reason to
// end. It reads what is there, then waits for more: nothing happens between the
// two that it does not see, for the watch began before the reading.
func (f *follower) follow(ctx context.Context, closing <-chan struct{}) (end, error) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	f.out.progress(f.next)
	for {
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
	f.flushed = time.Now()
	for {
		entries, later, ok := f.tail.from(f.next)
		if !ok {
			return f.readLog(ctx, closing)
		}
		if later > 0 {
			time.Sleep(later) // shorter than anybody waits for an end
			continue
		}
		for i := range entries {
			if why := f.take(ctx, closing, f.next, entries[i].line, &entries[i].event); why != "" {
				return why, nil
			}
		}
		return "", nil
	}
}

// readLog is catchUp for what the tail has not got.
func (f *follower) readLog(ctx context.Context, closing <-chan struct{}) (end, error) {
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
		if why := f.take(ctx, closing, line.Index, line.Bytes, &e); why != "" {
			return why, nil
		}
	}
	return "", nil
}

// take deals with an entry, and looks up from time to time.
func (f *follower) take(ctx context.Context, closing <-chan struct{}, index uint64, line []byte, e *audit.Event) end {
	f.next = index + 1
	if f.filter.match(e) {
		f.out.event(index, line)
	}
	if f.out.full() {
		if why := f.flush(); why != "" {
			return why
		}
		f.flushed = time.Now()
	}
	if f.next%looks != 0 {
		return ""
	}
	select {
	case <-closing:
		return endShutdown
	case <-ctx.Done():
		return endGone
	default:
	}
	if time.Since(f.flushed) >= heartbeat {
		f.out.beat(f.next)
		if why := f.flush(); why != "" {
			return why
		}
		f.flushed = time.Now()
	}
	return ""
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
