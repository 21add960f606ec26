package journal_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

// victimDir makes the test binary the process that TestKill kills; with
// victimKeeps it also compresses and prunes as fast as it can.
const (
	victimDir   = "GATEPOST_TEST_VICTIM_DIR"
	victimKeeps = "GATEPOST_TEST_VICTIM_KEEPS"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(victimDir); dir != "" {
		if err := victim(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// victim appends from many goroutines until it is killed, and prints what was
// acknowledged, each line in one write.
func victim(dir string) error {
	ctx := context.Background()
	c := journal.Config{Dir: dir, Origin: "victim", SegmentBytes: 64 << 10, CommitTimeout: slowDisk}
	keeps := os.Getenv(victimKeeps) != ""
	if keeps {
		c.SegmentBytes = 4096
		c = c.Packing(time.Millisecond, time.Millisecond)
	}
	j, err := journal.Open(ctx, c)
	if err != nil {
		return err
	}
	fmt.Println("open")
	var wg sync.WaitGroup
	errs := make(chan error, 1)
	if keeps {
		wg.Go(func() { errs <- pruneOver(j) })
	}
	for w := range 32 {
		wg.Go(func() {
			for n := 0; ; n++ {
				id := fmt.Sprintf("%d-%d-%d", os.Getpid(), w, n)
				for _, e := range calls(id, n) {
					c, err := j.Append(ctx, e)
					if err != nil {
						select {
						case errs <- err:
						default:
						}
						return
					}
					if _, err := os.Stdout.WriteString(fmt.Sprintf("%d %s %s\n", c.Index, e.Kind, id)); err != nil {
						return
					}
				}
			}
		})
	}
	wg.Wait()
	return <-errs
}

// calls is what a hit or a miss records.
func calls(id string, n int) []*audit.Event {
	if n%2 == 0 {
		return []*audit.Event{event(id)}
	}
	return []*audit.Event{intent(id), event(id)}
}

// checkEvery is after how many kills the log is read back.
const checkEvery = 25

// TestKill kills a process that appends under load, over and over, and holds the
// log against what it had been told was durable.
func TestKill(t *testing.T) {
	rounds := 20
	if s := os.Getenv("GATEPOST_TEST_KILL_ROUNDS"); s != "" {
		n, err := strconv.Atoi(s)
		if err != nil {
			t.Fatal(err)
		}
		rounds = n
	}
	dir := filepath.Join(t.TempDir(), "audit")
	acked := map[uint64]string{}
	for round := range rounds {
		before := len(acked)
		runVictim(t, dir, acked, false)
		if len(acked) == before && round > 0 {
			t.Logf("round %d: killed before anything was acknowledged", round)
		}
		// Reading all of it back after each round would make the test's time grow with the square of the rounds.
		if (round+1)%checkEvery == 0 || round == rounds-1 {
			checkAcked(t, dir, acked, 0)
		}
		if t.Failed() {
			t.Fatalf("round %d", round)
		}
	}
	t.Logf("%d rounds, %d acknowledged entries", rounds, len(acked))
	if len(acked) < rounds {
		t.Errorf("only %d entries were acknowledged in %d rounds", len(acked), rounds)
	}
}

// runVictim starts a victim, kills it at a random moment, and adds what it had
// acknowledged until then.
func runVictim(t *testing.T, dir string, acked map[uint64]string, keeps bool) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), victimDir+"="+dir)
	if keeps {
		cmd.Env = append(cmd.Env, victimKeeps+"=1")
	}
	cmd.Stderr = t.Output()
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	opened := lines.Scan() && lines.Text() == "open"
	if opened {
		life := 60 * time.Millisecond
		if keeps {
			life *= 4
		}
		time.AfterFunc(rand.N(life), func() { _ = cmd.Process.Kill() })
	}
	for lines.Scan() {
		index, rest, ok := strings.Cut(lines.Text(), " ")
		n, err := strconv.ParseUint(index, 10, 64)
		if !ok || err != nil {
			t.Fatalf("victim printed %q", lines.Text())
		}
		if was, twice := acked[n]; twice {
			t.Fatalf("entry %d was acknowledged as %s and as %s", n, was, rest)
		}
		acked[n] = rest
	}
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); !ok || exit.ProcessState.Success() || exit.ExitCode() != -1 {
		t.Fatalf("victim ended by itself: %v", err)
	}
	if !opened {
		t.Fatal("victim did not open the journal")
	}
}

// checkAcked opens the directory, and reads it back without a writer. Entries
// before an index may have been pruned.
func checkAcked(t *testing.T, dir string, acked map[uint64]string, pruned uint64) {
	t.Helper()
	j, err := journal.Open(t.Context(), journal.Config{Dir: dir, Origin: "check", CommitTimeout: slowDisk})
	if err != nil {
		t.Fatal(err)
	}
	closed(t, j)
	next, found := uint64(0), 0
	open := map[string]bool{}
	latest := map[string]int{} // order of each victim's goroutine
	for l, err := range journal.ReadDir(dir, 0) {
		if gone, ok := errors.AsType[*journal.MissingError](err); ok && gone.Pruned && gone.First == 0 && gone.Last < pruned {
			next = gone.Last + 1
			maps.DeleteFunc(acked, func(index uint64, _ string) bool { return index < next })
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		e := parsed(t, l)
		if e.Index != next {
			t.Fatalf("entry %d stands at %d", e.Index, next)
		}
		next++
		if want, ok := acked[e.Index]; ok {
			found++
			if got := fmt.Sprintf("%s %s", e.Kind, e.ID); got != want {
				t.Errorf("entry %d is %s, %s was acknowledged", e.Index, got, want)
			}
		}
		if e.Kind == audit.KindIntent {
			open[e.ID] = true
		} else {
			delete(open, e.ID)
		}
		if cut := strings.LastIndexByte(e.ID, '-'); e.Origin == "victim" && e.Kind != audit.KindSystem {
			n, err := strconv.Atoi(e.ID[cut+1:])
			if err != nil || n < latest[e.ID[:cut]] {
				t.Errorf("entry %d of call %s is out of order", e.Index, e.ID)
			}
			latest[e.ID[:cut]] = n
		}
	}
	if found != len(acked) {
		t.Errorf("%d acknowledged entries are lost", len(acked)-found)
	}
	if len(open) > 0 {
		t.Errorf("intents without outcome: %v", open)
	}
}
