package console

import (
	"bytes"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	// pace is how often the log's end is read at most. A first entry is sent at
	// once, and those of a busy log together.
	pace = 100 * time.Millisecond
	// passLines is after how many lines streams may have them, and others the
	// processor.
	passLines = 1024
)

// tail follows the log for all streams that have come to its end. Each line is
// read once, and held against each filter once, however many streams there are;
// and a stream for which there is nothing sleeps. So a hundred viewers cost what
// one does, but for what they are sent.
//
// It follows while it has streams. What it cannot read, each stream finds out for
// itself.
type tail struct {
	log    Log
	budget *budget

	mu        sync.Mutex           // guards what follows
	audiences map[string]*audience // by what the streams filter for
	next      uint64               // the entries below it were held against the filters
	stop      chan struct{}        // closed when the last stream leaves
}

func newTail(log Log) *tail {
	return &tail{log: log, budget: newBudget(log), audiences: make(map[string]*audience)}
}

// join adds a stream.
func (t *tail) join(q *query) *audience {
	values := make(url.Values)
	for name, list := range q.values {
		if name != "after" && name != "newest" { // which are no part of the filter
			values[name] = list
		}
	}
	name := values.Encode()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.audiences) == 0 {
		t.next, t.stop = t.log.Size(), make(chan struct{})
		go t.follow(t.stop)
	}
	a := t.audiences[name]
	if a == nil {
		a = &audience{name: name, filter: newLineFilter(q), since: t.next, grown: make(chan struct{})}
		t.audiences[name] = a
	}
	a.streams++
	return a
}

// leave removes a stream.
func (t *tail) leave(a *audience) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.streams--; a.streams == 0 {
		delete(t.audiences, a.name)
	}
	if len(t.audiences) == 0 {
		close(t.stop)
	}
}

// from returns the entries from an index on that the audience's filter chooses,
// the index behind what it has looked at, and a channel that is closed when there
// are more. Without ok the log has to be read, up to that index at least.
func (t *tail) from(a *audience, next uint64) (entries []*entry, behind uint64, more <-chan struct{}, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if next < a.since {
		return nil, a.since, nil, false
	}
	first, _ := slices.BinarySearchFunc(a.kept, next, func(e *entry, next uint64) int {
		if e.index < next {
			return -1
		}
		return 1
	})
	return a.kept[first:len(a.kept):len(a.kept)], max(next, t.next), a.grown, true
}

// follow runs until the last stream has left.
func (t *tail) follow(stop chan struct{}) {
	var last time.Time // that there was something
	for {
		grown := t.log.Watch()
		for more := true; more; {
			began := time.Now()
			lines := t.pass(stop)
			if lines > 0 {
				last = began
			}
			more = lines == passLines
		}
		select {
		case <-grown:
		case <-stop:
			return
		}
		if rest := pace - time.Since(last); rest > 0 {
			select {
			case <-time.After(rest):
			case <-stop:
				return
			}
		}
	}
}

// pass holds new lines against the filters, passLines at most, and returns how many
// there were.
func (t *tail) pass(stop chan struct{}) (lines int) {
	t.mu.Lock()
	next := t.next
	var filters []*lineFilter
	var audiences []*audience
	for _, a := range t.audiences {
		filters, audiences = append(filters, a.filter), append(audiences, a)
	}
	t.mu.Unlock()

	chosen := make([][]*entry, len(filters))
	sound, began := true, time.Now()
	for line, err := range t.log.Read(next) {
		if err != nil || line.Index != next {
			sound = false
			break
		}
		if sound = choose(filters, line.Index, line.Bytes, chosen); !sound {
			break
		}
		next++
		if lines++; lines == passLines {
			break
		}
	}
	t.publish(stop, next, audiences, chosen, sound)
	t.budget.spend(stop, time.Since(began))
	select {
	case <-stop:
		return 0
	default:
		return lines
	}
}

// choose adds a line to what each of the filters that choose it has chosen.
func choose(filters []*lineFilter, index uint64, line []byte, chosen [][]*entry) (sound bool) {
	outline, ok := audit.ParseOutline(line)
	if !ok {
		return false
	}
	var e *entry
	for i, f := range filters {
		ok, err := f.matchOutlined(line, &outline)
		if err != nil {
			return false
		}
		if !ok {
			continue
		}
		if e == nil {
			e = &entry{index: index, line: bytes.Clone(line)}
		}
		chosen[i] = append(chosen[i], e)
	}
	return true
}

// publish gives the audiences what was chosen for them of the entries below next.
func (t *tail) publish(stop chan struct{}, next uint64, audiences []*audience, chosen [][]*entry, sound bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stop != stop {
		return // all have left, and others have come
	}
	t.next = next
	for i, a := range audiences {
		a.add(chosen[i], maxKeptBytes/max(1, len(t.audiences)))
	}
	if !sound {
		// What cannot be read is for the streams to find and to tell.
		t.next = max(next, t.log.Size())
	}
	for _, a := range t.audiences {
		if !sound || !slices.Contains(audiences, a) { // it has come meanwhile
			a.since = t.next
			a.wake()
		}
	}
}
