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
	size    uint64
	damaged map[uint64]bool
	gone    map[uint64]bool
	reads   int
}

func (l *lines) Size() uint64           { return l.size }
func (l *lines) Watch() <-chan struct{} { return nil }

func (l *lines) Read(from uint64) iter.Seq2[journal.Line, error] {
	l.reads++
	return func(yield func(journal.Line, error) bool) {
		for i := from; i < l.size; i++ {
			_, e := call(int(i))
			e.Index = i
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

func TestTail(t *testing.T) {
	t.Parallel()
	span := func(from, to uint64) (list []uint64) {
		for i := from; i < to; i++ {
			list = append(list, i)
		}
		return list
	}
	synctest.Test(t, func(t *testing.T) {
		log := &lines{size: 100_000, damaged: map[uint64]bool{}, gone: map[uint64]bool{}}
		tail := console.NewTail(log)
		want := func(next uint64, indices []uint64, ok bool) {
			t.Helper()
			got, later, found := tail.From(next)
			if later > 0 {
				time.Sleep(later)
				got, _, found = tail.From(next)
			}
			if found != ok || !slices.Equal(got, indices) {
				t.Errorf("from %d: %d entries, %t; want %d, %t", next, len(got), found, len(indices), ok)
			}
		}
		want(5, nil, false) // is read by whoever wants it
		want(99_990, span(99_990, 100_000), true)
		want(99_995, span(99_995, 100_000), true)
		want(100_000, nil, true)
		want(99_000, nil, false)
		if log.reads != 1 {
			t.Errorf("%d reads", log.reads)
		}

		log.size = 100_010
		if _, later, ok := tail.From(100_000); later != 100*time.Millisecond || !ok {
			t.Errorf("it is read again after %v, %t", later, ok)
		}
		want(100_000, span(100_000, 100_010), true)
		want(99_990, span(99_990, 100_010), true)

		log.damaged[100_012], log.gone[100_020] = true, true
		log.size = 100_030
		want(100_010, span(100_010, 100_012), true)
		want(100_012, nil, false) // a stream finds out what is wrong
		want(100_013, nil, true)  // another has got past it
		want(100_013, span(100_013, 100_020), true)
		want(100_020, nil, false)

		log.damaged, log.gone = nil, nil
		log.size = 200_000 // nobody has looked for long
		want(100_030, nil, false)
		want(199_999, span(199_999, 200_000), true)
		log.size += 8_192
		want(200_000, span(200_000, 208_192), true)
		log.size++
		want(208_192, span(208_192, 208_193), true)
		want(200_000, nil, false) // is too long ago
	})
}
