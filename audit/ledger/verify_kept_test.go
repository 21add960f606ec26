package ledger_test

import (
	"bytes"
	"path/filepath"
	"slices"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
)

// What only a checkpoint that was kept elsewhere finds: without one the log is
// sound, with one it is not.
func TestVerifyKept(t *testing.T) {
	all := lines(700, "")
	forked := append(slices.Clone(all[:350]), lines(800, "x")[350:]...)
	// The log of 300, then of 600 entries, and a copy of each checkpoint.
	dir := filepath.Join(t.TempDir(), "audit")
	key := makeLog(t, dir, all[:300], 1000)
	at300 := filepath.Join(t.TempDir(), "audit")
	copyDir(t, dir, at300)
	elsewhere := t.TempDir()
	kept300, kept600, history := filepath.Join(elsewhere, "300"), filepath.Join(elsewhere, "600"), filepath.Join(elsewhere, "history")
	mustWrite(t, kept300, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	writeSegments(t, dir, all[:600], 1000)
	follow(t, dir, 600)
	mustWrite(t, kept600, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	mustWrite(t, history, bytes.Join([][]byte{nil, mustRead(t, kept300), mustRead(t, kept600), []byte("gatepost/test\n60")}, []byte("\n\n")))

	// Rolled back to 300 and grown again, otherwise, and signed again.
	fork := filepath.Join(t.TempDir(), "audit")
	copyDir(t, at300, fork)
	writeSegments(t, fork, forked, 1000)
	follow(t, fork, uint64(len(forked)))

	// Signed from the start with another key.
	foreign := filepath.Join(t.TempDir(), "audit")
	foreignKey := makeLog(t, foreign, all[:600], 1000)

	tests := []struct {
		name  string
		dir   string
		keys  []string
		kept  []string
		want  kinds // nil: sound
		first uint64
		last  uint64
	}{
		{"as it is", dir, []string{key}, []string{kept300, kept600}, nil, 0, 0},
		{"as it is, by its history", dir, nil, []string{history}, nil, 0, 0},
		{"rolled back, nothing kept", at300, []string{key}, nil, nil, 0, 0},
		{"rolled back, an older one kept", at300, []string{key}, []string{kept300}, nil, 0, 0},
		{"rolled back", at300, []string{key}, []string{kept600}, kinds{ledger.FaultRolledBack: 1}, 300, 599},
		{"rolled back, by its history", at300, []string{key}, []string{history}, kinds{ledger.FaultRolledBack: 1}, 300, 599},
		{"forked, nothing kept", fork, []string{key}, nil, nil, 0, 0},
		{"forked behind what was kept", fork, []string{key}, []string{kept300}, nil, 0, 0},
		{"forked", fork, []string{key}, []string{kept600}, kinds{ledger.FaultFork: 1}, 0, 599},
		{"forked, by its history", fork, []string{key}, []string{history}, kinds{ledger.FaultFork: 1}, 300, 599},
		{"the two against each other", dir, []string{key}, []string{filepath.Join(fork, "ledger", "checkpoint")}, kinds{ledger.FaultRolledBack: 1}, 600, 799},
		{"another key, beside the log", foreign, nil, nil, nil, 0, 0},
		{"another key", foreign, []string{key}, nil, kinds{ledger.FaultCheckpoint: 1}, 0, 0},
		{"another key, but the log's is kept", foreign, nil, []string{kept600}, kinds{ledger.FaultCheckpoint: 1}, 0, 0},
		{"both keys", foreign, []string{key, foreignKey}, []string{kept600}, nil, 0, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := verify(t, ledger.VerifyOptions{Dir: tt.dir, VerifierKeys: tt.keys, Checkpoints: tt.kept})
			if len(tt.want) == 0 {
				if r.Verdict != ledger.Sound {
					t.Error(describe(r))
				}
				return
			}
			if diff := cmp.Diff(tt.want, kindsOf(r)); diff != "" {
				t.Fatalf("faults (-want +got):\n%s%s", diff, describe(r))
			}
			if f := r.Faults[0]; f.First != tt.first || f.Last != tt.last {
				t.Errorf("fault is %v, want entries %d to %d", f, tt.first, tt.last)
			}
		})
	}
}

// The ledger's files are gone, but what was kept elsewhere still covers the
// journal.
func TestVerifyWithoutLedger(t *testing.T) {
	all := lines(600, "")
	dir := t.TempDir()
	key := makeLog(t, dir, all, 100)
	kept := filepath.Join(t.TempDir(), "kept")
	mustWrite(t, kept, mustRead(t, filepath.Join(dir, "ledger", "checkpoint")))
	mustRemove(t, filepath.Join(dir, "ledger"))
	o := ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}}
	r := verify(t, o)
	if diff := cmp.Diff(kinds{ledger.FaultCheckpoint: 1}, kindsOf(r)); diff != "" {
		t.Errorf("faults (-want +got):\n%s", diff)
	}
	if r.Uncovered != 0 {
		t.Errorf("%d entries are said to be uncovered", r.Uncovered)
	}
	flip(t, filepath.Join(dir, segmentName(200)), 300)
	r = verify(t, o)
	if diff := cmp.Diff(kinds{ledger.FaultCheckpoint: 1, ledger.FaultRewritten: 1}, kindsOf(r)); diff != "" {
		t.Errorf("faults with a changed line (-want +got):\n%s", diff)
	}
	if _, err := ledger.Verify(t.Context(), ledger.VerifyOptions{Dir: dir}); err == nil {
		t.Error("verified without any key")
	}
}
