package console

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const (
	// heartbeat shows both ends that the other is there, and tells a client whose
	// filter chooses little how far it has come. Middleboxes forget connections that
	// are idle for longer.
	heartbeat = 15 * time.Second

	// newestPace is how often a stream that is only sent the newest is sent some.
	newestPace = 250 * time.Millisecond
	// maxNewest is how many entries those are at most.
	maxNewest = 100

	// looks is after how many entries a stream that reads the log for itself looks
	// up from reading.
	looks = 1024
)

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
	log      Log
	tail     *tail
	audience *audience
	newest   int    // so many entries are sent at a time, and those before them are left out; 0 is all
	next     uint64 // entries below it are dealt with
	out      *eventWriter
	allowed  func() bool
	closing  <-chan struct{}

	held    []*entry // what the next flush sends, of a stream of the newest
	skipped skipped  // what it leaves out
	flushed time.Time
}

// follow sends the entries that the filter chooses until there is a reason to
// end. The log's end comes from the tail; what stands before that is read here.
func (f *follower) follow(ctx context.Context) (end, error) {
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	f.out.progress(f.next)
	beating := false
	for {
		entries, behind, more, ok := f.tail.from(f.audience, f.next)
		if !ok {
			why, err := f.readLog(ctx)
			if why == endUnreadable {
				if why := f.flush(ctx); why != "" { // what stands before that place is sound
					return why, nil
				}
			}
			if why != "" {
				return why, err
			}
			continue
		}
		if why := f.takeAll(ctx, entries); why != "" {
			return why, nil
		}
		f.next = behind
		if beating {
			f.release()
			f.out.beat(f.next)
			beating = false
		}
		if why := f.flush(ctx); why != "" {
			return why, nil
		}
		select {
		case <-more:
			if why := f.rest(ctx); why != "" {
				return why, nil
			}
		case <-beat.C:
			beating = true
		case <-f.closing:
			return endShutdown, nil
		case <-ctx.Done():
			return endGone, nil
		}
	}
}

// takeAll deals with entries that the filter chooses.
func (f *follower) takeAll(ctx context.Context, entries []*entry) end {
	if f.newest > 0 {
		f.hold(entries...)
		return ""
	}
	for _, e := range entries {
		if why := f.send(ctx, e.index, e.line); why != "" {
			return why
		}
	}
	return ""
}

// readLog reads to the end that the log has now.
func (f *follower) readLog(ctx context.Context) (end, error) {
	began := time.Now()
	for line, err := range f.log.Read(f.next) {
		if missing, ok := errors.AsType[*journal.MissingError](err); ok {
			f.release()
			f.out.gap(missing.First, missing.Last)
			f.next = missing.Last + 1
			continue
		}
		if err != nil {
			return endUnreadable, err
		}
		chosen, err := f.audience.filter.match(line.Bytes)
		if err != nil {
			return endUnreadable, err
		}
		switch {
		case chosen && f.newest > 0:
			f.hold(&entry{index: line.Index, line: bytes.Clone(line.Bytes)})
		case chosen:
			if why := f.send(ctx, line.Index, line.Bytes); why != "" {
				return why, nil
			}
		}
		if f.next = line.Index + 1; f.next%looks == 0 {
			if why := f.lookUp(ctx, time.Since(began)); why != "" {
				return why, nil
			}
			began = time.Now()
		}
	}
	return "", nil
}

// lookUp is called from time to time during a long reading.
func (f *follower) lookUp(ctx context.Context, cost time.Duration) end {
	select {
	case <-f.closing:
		return endShutdown
	case <-ctx.Done():
		return endGone
	default:
	}
	f.tail.budget.spend(ctx.Done(), cost)
	if time.Since(f.flushed) < heartbeat {
		return ""
	}
	f.release()
	f.out.beat(f.next)
	return f.flush(ctx)
}

// send writes an entry, by and by.
func (f *follower) send(ctx context.Context, index uint64, line []byte) end {
	f.next = index + 1
	f.out.event(index, line)
	if f.out.full() {
		return f.flush(ctx)
	}
	return ""
}

// hold keeps entries for the next flush, a few more than that sends.
func (f *follower) hold(entries ...*entry) {
	if f.held = append(f.held, entries...); len(f.held) >= 2*f.newest {
		f.shorten()
	}
}

// shorten leaves out all but the newest of what is held.
func (f *follower) shorten() {
	if over := len(f.held) - f.newest; over > 0 {
		if f.skipped.count == 0 {
			f.skipped.first = f.held[0].index
		}
		f.skipped.last = f.held[over-1].index
		f.skipped.count += over
		f.held = slices.Clone(f.held[over:]) // or what is left out stays in memory
	}
}

// release writes what is held, by and by.
func (f *follower) release() {
	f.shorten()
	if f.skipped.count > 0 {
		f.out.skipped(f.skipped)
		f.skipped = skipped{}
	}
	for _, e := range f.held {
		f.out.event(e.index, e.line)
	}
	f.held = nil
}

// flush sends what has gathered, if the bearer may still have it.
func (f *follower) flush(ctx context.Context) end {
	f.release()
	if f.out.empty() {
		return ""
	}
	f.flushed = time.Now()
	if !f.allowed() {
		f.out.discard()
		return endRevoked
	}
	cost := time.Duration(f.out.length()) * byteCost
	if why := f.out.flush(); why != "" {
		return why
	}
	f.tail.budget.spend(ctx.Done(), cost)
	return ""
}

// rest leaves the newest time to come together.
func (f *follower) rest(ctx context.Context) end {
	wait := newestPace - time.Since(f.flushed)
	if f.newest == 0 || wait <= 0 {
		return ""
	}
	select {
	case <-time.After(wait):
		return ""
	case <-f.closing:
		return endShutdown
	case <-ctx.Done():
		return endGone
	}
}
