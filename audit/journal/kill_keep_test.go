package journal_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// pruneOver prunes what is old by a victim's measure, over and over.
func pruneOver(j *journal.Journal) error {
	for {
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond)
		size := j.Size()
		e := &audit.Event{ID: fmt.Sprint("prune-", size), Kind: audit.KindAdmin, Action: journal.ActionPrune, Count: size - min(size, 100)}
		c, err := j.Append(context.Background(), e)
		if err != nil {
			return err
		}
		if _, err := j.Prune(c.Index); err != nil {
			return err
		}
	}
}

// TestKillWhilePackingAndPruning kills a process that compresses and prunes as
// fast as it can, while another one reads on: what was acknowledged and not
// pruned is there, at every moment.
func TestKillWhilePackingAndPruning(t *testing.T) {
	rounds := 10
	if s := os.Getenv("GATEPOST_TEST_KILL_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = max(rounds, n/10)
	}
	dir := filepath.Join(t.TempDir(), "audit")
	acked := map[uint64]string{}
	packed, pruned := 0, uint64(0)
	// On a busy machine a victim may be killed before it compresses anything.
	for round := 0; round < rounds || (packed == 0 || pruned == 0) && round < 10*rounds; round++ {
		var over atomic.Bool
		reading := make(chan error, 1)
		passes := 0
		go func() {
			var err error
			for err == nil && !over.Load() {
				err = readOnce(dir)
				passes++
				if names, _ := filepath.Glob(filepath.Join(dir, "segment-*.zst")); len(names) > 0 {
					packed++
				}
			}
			reading <- err
		}()
		runVictim(t, dir, acked, true)
		over.Store(true)
		if err := <-reading; err != nil {
			t.Fatalf("round %d: reader, in pass %d: %v", round, passes, err)
		}
		checkAcked(t, dir, acked, math.MaxUint64)
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
		if first := files(t, dir, "segment-")[0]; !strings.HasPrefix(first, firstSegment) {
			pruned++
		}
	}
	t.Logf("at least %d rounds, compressed segments seen %d times, pruned after %d rounds, %d acknowledged entries", rounds, packed, pruned, len(acked))
	if packed == 0 || pruned == 0 {
		t.Error("nothing was compressed, or nothing pruned")
	}
}

// readOnce reads a log in both directions, which may be pruned meanwhile.
func readOnce(dir string) error {
	if _, err := os.Stat(dir); err != nil {
		return nil // not begun yet
	}
	next := uint64(0)
	for l, err := range journal.ReadDir(dir, 0) {
		gone, absent := errors.AsType[*journal.MissingError](err)
		switch {
		case absent && gone.Pruned:
			next = gone.Last + 1
		case err != nil:
			return fmt.Errorf("forward, before entry %d: %w", next, err)
		case l.Index != next:
			return fmt.Errorf("forward: entry %d stands at %d", l.Index, next)
		default:
			next++
		}
	}
	next = math.MaxUint64
	for l, err := range journal.ReadDirBackward(dir, math.MaxUint64) {
		gone, absent := errors.AsType[*journal.MissingError](err)
		switch {
		case absent && gone.Pruned:
			next = gone.First
		case err != nil:
			return fmt.Errorf("backward, behind entry %d: %w", next, err)
		case next != math.MaxUint64 && l.Index != next-1:
			return fmt.Errorf("backward: entry %d stands before %d", l.Index, next)
		default:
			next = l.Index
		}
	}
	return nil
}
