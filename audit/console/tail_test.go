package console_test

import (
	"bufio"
	"fmt"
	"iter"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// Streams of a busy log see every entry once, in order, wherever they begin.
func TestStreamsShare(t *testing.T) {
	t.Parallel()
	b := start(t, options{})
	var tokens []string
	for n := range 4 {
		tokens = append(tokens, b.newToken(t, fmt.Sprint("viewer-", n), token.Viewer))
	}
	if err := b.store.Reload(); err != nil {
		t.Fatal(err)
	}
	const before, during = 12_000, 3_000
	fill := func(from, n int) {
		for i := range n {
			_, e := call(from + i)
			e.ID = audit.NewID(time.Now())
			b.journal.Record(&e)
		}
		_, e := call(from + n)
		b.append(t, e)
	}
	fill(0, before)
	var readers sync.WaitGroup
	for n := range 24 {
		req, err := http.NewRequestWithContext(t.Context(), "GET", b.url+"/api/v1/stream?kind=outcome&after="+strconv.Itoa(n*500), nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+tokens[n%4])
		resp, err := http.DefaultClient.Do(req)
		if err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		readers.Go(func() {
			defer resp.Body.Close()
			lines := bufio.NewScanner(resp.Body)
			last, seen := uint64(n*500), 0
			for lines.Scan() {
				data, ok := strings.CutPrefix(lines.Text(), "data: ")
				if !ok {
					continue
				}
				e, err := audit.ParseLine([]byte(data))
				if err != nil || e.Index <= last {
					t.Errorf("stream %d: entry %d after %d (%v)", n, e.Index, last, err)
					return
				}
				last, seen = e.Index, seen+1
				if e.ConnectionID == "the-end" {
					break
				}
			}
			if want := before + during + 3 - n*500; seen != want { // the first entry is the start's
				t.Errorf("stream %d: %d entries, want %d", n, seen, want)
			}
		})
	}
	fill(before, during)
	_, e := call(1)
	e.ConnectionID = "the-end"
	b.append(t, e)
	readers.Wait()
}

// lines is a log of which some entries are damaged, or gone.
type lines struct {
	mu      sync.Mutex // guards what follows
	size    uint64
	grown   chan struct{}
	damaged map[uint64]bool
	gone    map[uint64]bool
	long    bool
	reads   atomic.Int64
}

func (l *lines) grow(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.size += n
	if l.grown != nil {
		close(l.grown)
		l.grown = nil
	}
}

func (l *lines) Size() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.size
}

func (l *lines) Watch() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.grown == nil {
		l.grown = make(chan struct{})
	}
	return l.grown
}

func (l *lines) Read(from uint64) iter.Seq2[journal.Line, error] {
	size := l.Size()
	if from < size {
		l.reads.Add(1)
	}
	return func(yield func(journal.Line, error) bool) {
		for i := from; i < size; i++ {
			_, e := call(int(i))
			e.Index = i
			if l.long {
				e.UserAgent, e.Path = strings.Repeat("x", 1000), strings.Repeat("y", 4000)
			}
			line := journal.Line{Index: i, Bytes: audit.AppendLine(nil, &e)}
			if l.damaged[i] {
				line.Bytes = []byte("damaged")
			}
			if !l.gone[i] && !yield(line, nil) {
				return
			}
		}
	}
}

func span(from, to, step uint64) (list []uint64) {
	for i := from; i < to; i += step {
		list = append(list, i)
	}
	return list
}

// followed is a tail of a log, and streams that ask for all, for one in three, and
// for nothing.
func followed(t *testing.T, size uint64) (log *lines, all, some, none console.Viewer) {
	t.Helper()
	log = &lines{size: size}
	tail := console.NewTail(log)
	join := func(query string) console.Viewer {
		v, err := tail.Join(query)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(v.Leave) // or the bubble never ends
		return v
	}
	all, some, none = join(""), join("principal=installer-1"), join("principal=nobody&after=7")
	synctest.Wait() // it has looked, and there was nothing
	return log, all, some, none
}

func want(t *testing.T, v console.Viewer, next uint64, indices []uint64, behind uint64, ok bool) (more <-chan struct{}) {
	t.Helper()
	got, at, more, found := v.From(next)
	if found != ok || at != behind || !slices.Equal(got, indices) {
		t.Errorf("from %d: %v to %d, %t; want %v to %d, %t", next, got, at, found, indices, behind, ok)
	}
	return more
}

func closed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// The log's end is read once for all, and who has no use for it is left alone.
func TestTail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, all, some, none := followed(t, 9000)
		moreOfAll, moreOfNone := want(t, all, 9000, nil, 9000, true), want(t, none, 9000, nil, 9000, true)
		log.grow(6)
		synctest.Wait() // a first entry comes at once
		if log.reads.Load() != 1 || !closed(moreOfAll) || closed(moreOfNone) {
			t.Errorf("%d reads, %t, %t", log.reads.Load(), closed(moreOfAll), closed(moreOfNone))
		}
		want(t, all, 9000, span(9000, 9006, 1), 9006, true)
		want(t, all, 9004, span(9004, 9006, 1), 9006, true)
		want(t, some, 9000, span(9001, 9006, 3), 9006, true)
		want(t, some, 9005, nil, 9006, true)
		want(t, none, 9000, nil, 9006, true)
		want(t, all, 8999, nil, 9000, false) // is for whoever wants it to read
		want(t, all, 9010, nil, 9010, true)  // has been read by him

		for range 10 { // and others together
			log.grow(3)
			synctest.Wait()
		}
		if log.reads.Load() != 1 {
			t.Errorf("%d reads at once", log.reads.Load())
		}
		time.Sleep(100 * time.Millisecond)
		synctest.Wait()
		if log.reads.Load() != 2 {
			t.Errorf("%d reads a tenth of a second later", log.reads.Load())
		}
		want(t, some, 9005, span(9007, 9036, 3), 9036, true)
		if closed(moreOfNone) {
			t.Error("there is something for nobody")
		}
	})
}

// A stream that comes later has nothing of what went before, and nothing is left
// of one that has gone.
func TestTailJoin(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := &lines{size: 50}
		tail := console.NewTail(log)
		first, _ := tail.Join("")
		log.grow(10)
		synctest.Wait()
		same, _ := tail.Join("after=3")
		other, _ := tail.Join("kind=outcome")
		want(t, same, 55, span(55, 60, 1), 60, true)
		want(t, other, 55, nil, 60, false)
		want(t, other, 60, nil, 60, true)
		first.Leave()
		want(t, same, 55, span(55, 60, 1), 60, true)
		same.Leave()
		other.Leave()
		log.grow(10)
		time.Sleep(time.Second)
		if log.reads.Load() != 1 {
			t.Errorf("nobody follows, and it is read %d times", log.reads.Load())
		}
		again, _ := tail.Join("")
		defer again.Leave()
		want(t, again, 60, nil, 70, false)
		want(t, again, 70, nil, 70, true)
	})
}

// What cannot be read each stream has to find out, and nothing behind it is lost.
func TestTailUnsound(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*lines){
		"damaged": func(l *lines) { l.damaged = map[uint64]bool{112: true} },
		"gone":    func(l *lines) { l.gone = map[uint64]bool{112: true} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				log, all, _, none := followed(t, 100)
				spoil(log)
				more := want(t, none, 100, nil, 100, true)
				log.grow(20)
				synctest.Wait()
				if !closed(more) {
					t.Error("a stream for which there is nothing does not hear of it")
				}
				want(t, all, 100, nil, 120, false)
				want(t, none, 100, nil, 120, false)
				want(t, all, 120, nil, 120, true)
				log.grow(5)
				time.Sleep(time.Second)
				synctest.Wait()
				want(t, all, 120, span(120, 125, 1), 125, true)
				want(t, all, 113, nil, 120, false)
			})
		})
	}
}

// What is kept for streams is bounded, whatever they filter for.
func TestTailBounds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log, all, some, _ := followed(t, 0)
		log.long = true
		log.grow(30_000)
		synctest.Wait()
		// A third of 16 MiB, of about 5 kB each.
		want(t, all, 29_200, span(29_200, 30_000, 1), 30_000, true)
		want(t, some, 29_200, span(29_200, 30_000, 3), 30_000, true)
		if _, since, _, ok := all.From(10); ok || since < 28_900 || since > 29_200 {
			t.Errorf("all is kept since %d, %t", since, ok)
		}
		if _, since, _, ok := some.From(10); ok || since < 26_000 || since > 28_000 {
			t.Errorf("one in three is kept since %d, %t", since, ok)
		}
	})
}
