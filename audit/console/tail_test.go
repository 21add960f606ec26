package console_test

import (
	"bufio"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/token"
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
