package main

import (
	"bufio"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// answered is what a caller can swear to: an answer with this event and index arrived, and the one before it had arrived before this
// call was sent.
type answered struct {
	id     string
	index  uint64
	status int
	client int
}

// Killed at any moment under load, gatepost loses no entry of an answer that a caller has seen, keeps their order, and settles every
// intent. The callers' own lists are the oracle.
func TestKill(t *testing.T) {
	rounds := 10
	if s := os.Getenv("GATEPOST_TEST_KILL_ROUNDS"); s != "" {
		var err error
		if rounds, err = strconv.Atoi(s); err != nil {
			t.Fatal(err)
		}
	}
	const clients = 8
	g := startGate(t, gateOptions{config: map[string]any{
		"audit": map[string]any{"segment_bytes": "256KiB"}, // so that rotation is among what is interrupted
		"cache": map[string]any{"ttl": "20ms"},             // so that there are misses all the time
	}})
	var all []answered
	for round := range rounds {
		if round > 0 {
			g.Start(t)
		}
		var mu sync.Mutex
		var wg sync.WaitGroup
		for client := range clients {
			wg.Go(func() {
				for _, a := range g.callUntilKilled(t, round*clients+client) {
					mu.Lock()
					all = append(all, a)
					mu.Unlock()
				}
			})
		}
		time.Sleep(time.Duration(10+rand.IntN(140)) * time.Millisecond)
		g.Kill()
		wg.Wait()
	}
	g.Start(t)
	if err := g.Stop(t); err != nil {
		t.Fatal(err)
	}

	log := g.Log(t)
	intents, outcomes := map[string]uint64{}, map[string]uint64{}
	for i, e := range log {
		if e.Index != uint64(i) {
			t.Fatalf("entry %d says that it is %d", i, e.Index)
		}
		switch e.Kind {
		case audit.KindIntent:
			intents[e.ID] = e.Index
		case audit.KindOutcome:
			if at, twice := outcomes[e.ID]; twice {
				t.Errorf("call %s has outcomes at %d and %d", e.ID, at, e.Index)
			}
			outcomes[e.ID] = e.Index
		}
	}
	for id, at := range intents {
		if end, ok := outcomes[id]; !ok || end < at {
			t.Errorf("intent %d of call %s has no outcome after it", at, id)
		}
	}
	last := map[int]uint64{}
	for _, a := range all {
		e := log[min(a.index, uint64(len(log)-1))]
		if e.Index != a.index || e.ID != a.id || e.Kind != audit.KindOutcome || e.Status != a.status {
			t.Errorf("answer %d of event %s at %d: the log has %s %s %d there", a.status, a.id, a.index, e.Kind, e.ID, e.Status)
		}
		if before, ok := last[a.client]; ok && before >= a.index {
			t.Errorf("event %d was answered before the call of event %d was sent", before, a.index)
		}
		last[a.client] = a.index
	}
	if len(all) < rounds {
		t.Errorf("only %d answers in %d rounds: this proves little", len(all), rounds)
	}
	t.Logf("%d rounds, %d answers seen, %d entries", rounds, len(all), len(log))
}

// callUntilKilled calls on one connection, reads and writes by turns, and returns what was answered in full.
func (g *gate) callUntilKilled(t *testing.T, client int) (seen []answered) {
	c, err := net.Dial("tcp", g.proxy)
	if err != nil {
		return nil
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(c)
	ids := []string{plainConnection, "aB%2B%2Fc9%3D%3D", "%2B"}
	for i := 0; ; i++ {
		method, path, body := "GET", "/connections/"+ids[i%len(ids)], ""
		if i%5 == 4 {
			method, path, body = "POST", "/connections", fmt.Sprintf(`{"AssetId":"a%d_%d","ClientPublicKey":"%s=","NetworkInterfaceDeviceIndex":0}`, client, i, strings.Repeat("A", 43))
		}
		var raw strings.Builder
		fmt.Fprintf(&raw, "%s %s HTTP/1.1\r\n", method, path)
		g.SignAs(t, callerKey, callerSecret, method, path, body).Write(&raw)
		fmt.Fprintf(&raw, "Content-Length: %d\r\n\r\n%s", len(body), body)
		if _, err := io.WriteString(c, raw.String()); err != nil {
			return seen
		}
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			return seen
		}
		_, err = io.Copy(io.Discard, resp.Body)
		resp.Body.Close()
		if err != nil {
			return seen
		}
		index, err := strconv.ParseUint(resp.Header.Get("X-Gatepost-Event-Index"), 10, 64)
		if err != nil {
			t.Errorf("answer %d without an index: %v", resp.StatusCode, resp.Header)
			return seen
		}
		seen = append(seen, answered{resp.Header.Get("X-Gatepost-Event-Id"), index, resp.StatusCode, client})
	}
}
