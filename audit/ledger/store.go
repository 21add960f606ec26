package ledger

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"
)

// DamagedError says that a tile is missing or is not what a checkpoint covers.
// Tiles can be made again from the journal.
type DamagedError struct {
	Path string
	Err  error
}

func (e *DamagedError) Error() string { return fmt.Sprintf("%s is damaged: %v", e.Path, e.Err) }
func (e *DamagedError) Unwrap() error { return e.Err }

// store keeps tiles under the names of C2SP tlog-tiles. Of an incomplete tile
// only the form of the newest checkpoint is kept, for each narrower one is a
// prefix of it; so there is at most one file for each tile.
//
// Reading may go on beside one writer.
type store struct {
	root Root

	// known are directories whose entry in their parent is durable. It is the
	// writer's.
	known map[string]bool
}

func newStore(root Root) *store { return &store{root: root, known: map[string]bool{}} }

// write makes tiles durable. After an error some of them may be so, or half so:
// what was not covered by a checkpoint before is not covered now either.
//
// All are written before the first is synced: file systems with a log of their
// own make them durable together then, where a sync for each as it is written
// would hold up the journal's syncs on the same disk as often.
func (s *store) write(tiles []tile) (err error) {
	var dirs []string
	unsynced := map[string]bool{}
	var written []*replacement
	defer func() {
		for _, r := range written { // those not finished
			err = errors.Join(err, r.discard(nil))
		}
	}()
	for _, t := range tiles {
		name := tilePath(t.Tile)
		dir := path.Dir(name)
		if err := s.mkdir(dir); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		r, err := prepare(s.root, name, t.data, privateFile)
		if err != nil {
			return err
		}
		written = append(written, r)
		if !unsynced[dir] {
			unsynced[dir] = true
			dirs = append(dirs, dir)
		}
	}
	for len(written) > 0 {
		r := written[0]
		written = written[1:]
		if err := r.finish(); err != nil {
			return err
		}
	}
	for _, dir := range dirs {
		if err := s.root.SyncDir(dir); err != nil {
			return fmt.Errorf("write tiles in %s: %w", dir, err)
		}
	}
	return nil
}

// mkdir makes a directory and its parents, durably.
func (s *store) mkdir(dir string) error {
	if dir == "." || s.known[dir] {
		return nil
	}
	parent := path.Dir(dir)
	if err := s.mkdir(parent); err != nil {
		return err
	}
	if err := s.root.Mkdir(dir); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	// Also if it was there already: an earlier sync may have failed.
	if err := s.root.SyncDir(parent); err != nil {
		return err
	}
	s.known[dir] = true
	return nil
}

// supersede removes the incomplete tiles of a tree of size old that a tree of
// size now has in a wider form, once that is covered by a durable checkpoint.
func (s *store) supersede(old, now int64) error {
	var errs []error
	for _, t := range edgeTiles(old) {
		switch w := widthAt(t.L, t.N, now); {
		case w == tileWidth:
			// With all the forms that failed attempts may have left.
			dir := partialDir(t)
			delete(s.known, dir)
			errs = append(errs, s.root.RemoveAll(dir))
		case w > t.W:
			errs = append(errs, s.root.RemoveAll(tilePath(t)))
		}
	}
	return errors.Join(errs...)
}

// read returns the hashes of a tile from the form that it has in a tree of the
// given size, which has to be one that a checkpoint covers.
func (s *store) read(t tlog.Tile, size int64) ([]byte, error) {
	stored := t
	stored.W = widthAt(t.L, t.N, size)
	if t.W < 1 || t.W > stored.W {
		return nil, fmt.Errorf("%s is not in a tree of %d entries", tilePath(t), size)
	}
	name := tilePath(stored)
	data, err := s.root.ReadFile(name)
	if isNotExist(err) {
		return nil, &DamagedError{name, err}
	}
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(data) != stored.W*tlog.HashSize {
		return nil, &DamagedError{name, fmt.Errorf("%d bytes instead of %d", len(data), stored.W*tlog.HashSize)}
	}
	return data[:t.W*tlog.HashSize], nil
}

// widest returns the widest form in which a tile is stored, for when no
// checkpoint says which that has to be.
func (s *store) widest(level int, n int64) (tile, error) {
	t := tlog.Tile{H: tileHeight, L: level, N: n, W: tileWidth}
	data, err := s.root.ReadFile(tilePath(t))
	if isNotExist(err) {
		t.W = 0
		names, err := s.root.Names(partialDir(t))
		if err != nil {
			return tile{}, err
		}
		for _, name := range names {
			if w, err := strconv.Atoi(name); err == nil && !strings.HasPrefix(name, "+") && w > t.W && w < tileWidth {
				t.W = w
			}
		}
		data, err = s.root.ReadFile(tilePath(t))
		if err != nil {
			return tile{}, err
		}
	} else if err != nil {
		return tile{}, err
	}
	if len(data) != t.W*tlog.HashSize {
		return tile{}, &DamagedError{tilePath(t), fmt.Errorf("%d bytes instead of %d", len(data), t.W*tlog.HashSize)}
	}
	return tile{t, data}, nil
}

// exist reports whether any tile was ever written.
func (s *store) exist() (bool, error) {
	_, err := s.root.Stat("tile")
	if isNotExist(err) {
		return false, nil
	}
	return err == nil, err
}

// hashes reads the hashes of a tree of at least one entry through its tiles,
// each of which is checked against the root. If one does not pass, the error is
// a [*DamagedError]. The size is that of the newest checkpoint, whose forms of
// the tiles are the ones on disk.
func (s *store) hashes(of tlog.Tree, size func() int64) tlog.HashReader {
	return tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		tiles := &tileReader{store: s, size: size}
		hashes, err := tlog.TileHashReader(of, tiles).ReadHashes(indexes)
		if err != nil && tiles.err == nil {
			err = &DamagedError{"tile", fmt.Errorf("no path of tiles to the root of %d entries: %w", of.N, err)}
		}
		return hashes, err
	})
}

// tileReader reads the tiles that one request needs.
type tileReader struct {
	store *store
	size  func() int64
	err   error // of reading, as opposed to checking
}

func (*tileReader) Height() int                     { return tileHeight }
func (*tileReader) SaveTiles([]tlog.Tile, [][]byte) {}

func (r *tileReader) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, t := range tiles {
		if data[i], r.err = r.store.readCurrent(t, r.size); r.err != nil {
			return nil, r.err
		}
	}
	return data, nil
}

// readCurrent is read at a size that may grow meanwhile: then the form that was
// looked for may just have been superseded.
func (s *store) readCurrent(t tlog.Tile, size func() int64) ([]byte, error) {
	for {
		at := size()
		data, err := s.read(t, at)
		if err == nil || size() == at {
			return data, err
		}
	}
}
