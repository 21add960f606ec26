package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

var errClosed = errors.New("audit ledger is closed")

// Open takes the ledger's directory and brings it to where the last checkpoint
// left it. On the first start it makes the signing key and signs the empty log,
// so that there is never a log of which nothing is signed.
//
// It signs nothing else. A [*RefusedError] says that what was signed before is
// contradicted by the journal, by the directory or by a copy that a sink keeps.
// Rebuilding lost tiles reads the whole journal; ctx can end that.
func Open(ctx context.Context, c Config) (*Ledger, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("audit ledger: %w", err)
	}
	root, err := c.FS.CreateRoot(filepath.Join(c.Dir, directoryName))
	if err != nil {
		return nil, fmt.Errorf("audit ledger: %w", err)
	}
	lock, err := root.Lock(lockName)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("audit ledger %s: %w", c.Dir, err), root.Close())
	}
	l := &Ledger{
		cfg: c, log: c.Logger, src: c.Source,
		root: root, store: newStore(root), lock: lock,
		repair:  make(chan struct{}, 1),
		changed: make(chan struct{}),
		health:  Health{OK: true}, unmended: Health{OK: true},
	}
	l.closing, l.close = context.WithCancel(context.Background())
	if err := l.load(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("audit ledger %s: %w", c.Dir, err), lock.Close(), root.Close())
	}
	for _, s := range c.Sinks {
		l.sinks = append(l.sinks, startSink(s, l.log, c.Observer))
	}
	if l.last.Size > 0 {
		// The copy may be what the last run did not get to.
		l.distribute(l.last)
	}
	return l, nil
}

func (l *Ledger) load(ctx context.Context) error {
	copies := l.copies(ctx)
	if err := l.loadCheckpoint(copies); err != nil {
		return err
	}
	if err := publishKey(l.root, l.key); err != nil {
		return err
	}
	if size := l.src.Size(); size < l.last.Size {
		return &RefusedError{
			Reason: ReasonRolledBack,
			What: fmt.Sprintf("the journal ends at %d entries, but a checkpoint of %d entries was signed: it was rolled back or truncated",
				size, l.last.Size),
			Do: adviseVerify,
		}
	}
	if err := l.restore(ctx); err != nil {
		return err
	}
	if err := l.checkTail(); err != nil {
		return err
	}
	err := l.checkCopies(copies)
	if _, damaged := errors.AsType[*DamagedError](err); damaged {
		if err := l.rebuild(ctx); err != nil {
			return err
		}
		err = l.checkCopies(copies)
	}
	return err
}

// loadCheckpoint reads the key and the last checkpoint, or makes both where
// there was no log before.
func (l *Ledger) loadCheckpoint(copies []namedNote) error {
	text, err := l.root.ReadFile(checkpointName)
	switch {
	case isNotExist(err):
		return l.begin(copies)
	case err != nil:
		return fmt.Errorf("read checkpoint: %w", err)
	}
	l.key, err = l.withKey(func(root Root, name string) (*signingKey, error) {
		return loadKey(root, name, l.cfg.Origin)
	})
	if isNotExist(err) {
		return &RefusedError{
			Reason: ReasonKey,
			What:   fmt.Sprintf("there are checkpoints of this log, but its signing key %s is gone", l.keyFile()),
			Do:     adviseRestore,
		}
	}
	if err != nil {
		return err
	}
	c, err := openCheckpoint(text, []note.Verifier{l.key.verifier})
	if _, foreign := errors.AsType[*SignatureError](err); foreign {
		return &RefusedError{
			Reason: ReasonKey,
			What:   fmt.Sprintf("the last checkpoint is not signed by the key %s", l.keyFile()),
			Do:     "Restore the key that belongs to this log, or the log that belongs to this key",
			Err:    err,
		}
	}
	if err != nil {
		return &RefusedError{
			Reason: ReasonCheckpoint, What: "the last checkpoint cannot be read", Do: adviseRestore, Err: err,
		}
	}
	l.last = signedCheckpoint{c, text}
	var at time.Time
	if info, err := l.root.Stat(checkpointName); err == nil {
		at = info.ModTime()
	}
	l.publish(l.last, at)
	return nil
}

// begin makes the checkpoint of the empty log. It comes before any tile: where
// there are tiles without a checkpoint, one was signed and is gone.
func (l *Ledger) begin(copies []namedNote) error {
	had, err := l.store.exist()
	if err != nil {
		return err
	}
	if had {
		return &RefusedError{
			Reason: ReasonCheckpoint,
			What:   "this log has tiles, but its checkpoint is gone, and with it the knowledge of what was signed",
			Do:     adviseRestore,
		}
	}
	if len(copies) > 0 {
		return &RefusedError{
			Reason: ReasonRolledBack,
			What:   fmt.Sprintf("the directory has no checkpoint, but %s keeps one of this log", copies[0].name),
			Do:     "Restore the audit directory; or, if this is to be a new log, move that copy away",
		}
	}
	l.key, err = l.withKey(func(root Root, name string) (*signingKey, error) {
		k, err := loadKey(root, name, l.cfg.Origin)
		if isNotExist(err) {
			k, err = makeKey(root, name, l.cfg.Origin)
		}
		return k, err
	})
	if err != nil {
		return err
	}
	empty, err := l.signTree(&tree{})
	if err != nil {
		return err
	}
	if err := replaceFileDurably(l.root, checkpointName, empty.note, privateFile); err != nil {
		return err
	}
	l.last = *empty
	l.publish(l.last, time.Now())
	l.log.Info("audit ledger: new log", "origin", l.cfg.Origin, "verifier_key", l.key.verifierKey)
	return nil
}

func (l *Ledger) keyFile() string {
	if l.cfg.KeyFile != "" {
		return l.cfg.KeyFile
	}
	return filepath.Join(l.cfg.Dir, directoryName, signingKeyName)
}

func (l *Ledger) withKey(do func(root Root, name string) (*signingKey, error)) (*signingKey, error) {
	if l.cfg.KeyFile == "" {
		return do(l.root, signingKeyName)
	}
	root, err := l.cfg.FS.CreateRoot(filepath.Dir(l.cfg.KeyFile))
	if err != nil {
		return nil, err
	}
	k, err := do(root, filepath.Base(l.cfg.KeyFile))
	return k, errors.Join(err, root.Close())
}

// restore makes the tree of the last checkpoint from its tiles, or from the
// journal if they do not yield it.
func (l *Ledger) restore(ctx context.Context) error {
	size := int64(l.last.Size)
	var data [][]byte
	for _, t := range edgeTiles(size) {
		d, err := l.store.read(t, size)
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			l.log.Warn("audit ledger: rebuilding the tiles from the journal", "entries", size, "error", err)
			return l.rebuild(ctx)
		}
		if err != nil {
			return err
		}
		data = append(data, d)
	}
	l.tree = treeFromEdge(size, data)
	if l.tree.root() != l.last.Root {
		l.log.Warn("audit ledger: rebuilding the tiles from the journal", "entries", size, "error", "tiles do not yield the signed root")
		return l.rebuild(ctx)
	}
	return nil
}

// checkTail compares the last entries that were signed with what the journal
// holds in their place. A journal that was rolled back and has grown again since
// is long enough, but it ends otherwise.
func (l *Ledger) checkTail() error {
	size := int64(l.last.Size)
	if size == 0 {
		return nil
	}
	first := (size - 1) &^ (tileWidth - 1)
	leaves, err := l.store.read(tlog.Tile{H: tileHeight, L: 0, N: first >> tileHeight, W: int(size - first)}, size)
	if err != nil {
		return err
	}
	found := 0
	for line, err := range l.src.Read(uint64(first)) {
		if isMissing(err) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read journal: %w", err)
		}
		if line.Index >= l.last.Size {
			break
		}
		found++
		leaf := leaves[(int64(line.Index)-first)*tlog.HashSize:]
		if h := tlog.RecordHash(line.Bytes); !bytes.Equal(h[:], leaf[:tlog.HashSize]) {
			return &RefusedError{
				Reason: ReasonRewritten,
				What: fmt.Sprintf("entry %d of the journal is not the one that the checkpoint of %d entries covers: it was changed, or the journal was rolled back and has grown again",
					line.Index, l.last.Size),
				Do: adviseVerify,
			}
		}
	}
	if found < int(size-first) {
		l.log.Error("audit ledger: entries that a checkpoint covers are missing from the journal",
			"missing", int(size-first)-found, "from", first, "to", size-1)
	}
	return nil
}
