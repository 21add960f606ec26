package ledger_test

import (
	"bytes"
	"path/filepath"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
	"github.com/google/go-cmp/cmp"
	"golang.org/x/mod/sumdb/tlog"
)

// Damaged tiles are named, and told from damage to the log.
func TestVerifyTiles(t *testing.T) {
	const size = 66000
	whole := filepath.Join(t.TempDir(), "audit")
	all := smallLines(size)
	key := makeLog(t, whole, all, 10000)
	tests := []struct {
		name   string
		tile   string
		damage func(t *testing.T, name string)
	}{
		{"changed", "0/000", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"changed at level 1", "1/000", func(t *testing.T, name string) { flip(t, name, 8191) }},
		{"edge changed", "0/257.p/208", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"edge of level 1 changed", "1/001.p/1", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"edge of level 2 changed", "2/000.p/1", func(t *testing.T, name string) { flip(t, name, 5) }},
		{"gone", "0/100", func(t *testing.T, name string) { mustRemove(t, name) }},
		{"edge gone", "0/257.p/208", func(t *testing.T, name string) { mustRemove(t, name) }},
		{"cut", "0/100", func(t *testing.T, name string) { mustWrite(t, name, mustRead(t, name)[:64]) }},
		{"empty", "1/000", func(t *testing.T, name string) { mustWrite(t, name, nil) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "audit")
			copyDir(t, whole, dir)
			tt.damage(t, filepath.Join(dir, "ledger", "tile", tt.tile))
			r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
			if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultTile || r.Faults[0].File != "ledger/tile/"+tt.tile {
				t.Errorf("report is %s", describe(r))
			}
			if _, ok := r.FirstBad(); ok || !r.Repairable() {
				t.Error("damage to a tile is taken for damage to the log")
			}

			// A line as well.
			flip(t, filepath.Join(dir, segmentName(20000)), 80)
			r = verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
			if diff := cmp.Diff(kinds{ledger.FaultTile: 1, ledger.FaultChanged: 1}, kindsOf(r)); diff != "" {
				t.Errorf("with a changed line (-want +got):\n%s%s", diff, describe(r))
			}
			if index, _ := r.FirstBad(); index != 20000 || r.Repairable() {
				t.Errorf("first bad entry is %d", index)
			}
		})
	}

	t.Run("line and tile of it", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		flip(t, filepath.Join(dir, "ledger", "tile", "0", "078"), 5) // 19968 to 20223
		flip(t, filepath.Join(dir, segmentName(20000)), 80)
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		if diff := cmp.Diff(kinds{ledger.FaultTile: 1, ledger.FaultChanged: 1}, kindsOf(r)); diff != "" {
			t.Errorf("faults (-want +got):\n%s%s", diff, describe(r))
		}
		if index, _ := r.FirstBad(); index != 20000 {
			t.Errorf("first bad entry is %d", index)
		}
	})
	t.Run("line and tile of it alike", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		changeAlike(t, dir, 20000, "0/078", 20000-19968)
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}})
		if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultChanged || r.Faults[0].First != 19968 || r.Faults[0].Last != 20223 {
			t.Error(describe(r))
		}
	})
	t.Run("line and edge of it alike", func(t *testing.T) {
		dir := filepath.Join(t.TempDir(), "audit")
		copyDir(t, whole, dir)
		changeAlike(t, dir, 65990, "0/257.p/208", 65990-65792)
		kept := filepath.Join(t.TempDir(), "kept")
		mustWrite(t, kept, mustRead(t, filepath.Join(whole, "ledger", "checkpoint")))
		r := verify(t, ledger.VerifyOptions{Dir: dir, VerifierKeys: []string{key}, Checkpoints: []string{kept}})
		if len(r.Faults) != 1 || r.Faults[0].Kind != ledger.FaultRewritten {
			t.Error(describe(r))
		}
	})
}

// changeAlike changes a line and its hash in the tile of level 0.
func changeAlike(t *testing.T, dir string, index int, tile string, at int) {
	t.Helper()
	first := index / 10000 * 10000
	name := filepath.Join(dir, segmentName(first))
	list := bytes.Split(bytes.TrimSuffix(mustRead(t, name), []byte("\n")), []byte("\n"))
	list[index-first] = smallLine(uint64(index), "b")
	mustWrite(t, name, append(bytes.Join(list, []byte("\n")), '\n'))
	name = filepath.Join(dir, "ledger", "tile", tile)
	data := mustRead(t, name)
	h := tlog.RecordHash(smallLine(uint64(index), "b"))
	copy(data[at*32:], h[:])
	mustWrite(t, name, data)
}
