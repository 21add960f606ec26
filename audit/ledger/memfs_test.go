package ledger_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// memFS is a file system in memory that knows what of it would survive a power
// failure, and that can fail at any operation.
type memFS struct {
	mu    sync.Mutex
	top   *node
	locks map[string]bool

	ops  int
	fail func(op int, what string) *fault // nil: nothing fails
	lie  func(what string) bool           // nil: what is written is what is read
	dead bool                             // after a power failure nothing works
}

// fault is how an operation fails.
type fault struct {
	err   error
	after bool // the operation has its effect nevertheless
	short bool // a write gets half of its bytes down; without err, it does not even say so
	crash bool // the power fails
}

// node is a file or a directory, as the running system sees it and as the disk
// holds it.
type node struct {
	dir     bool
	perm    fs.FileMode
	data    []byte
	synced  []byte
	entries map[string]*node
	durable map[string]*node
}

func newDir() *node {
	return &node{dir: true, entries: map[string]*node{}, durable: map[string]*node{}}
}

func newMemFS() *memFS { return &memFS{top: newDir(), locks: map[string]bool{}} }

var errPowerFailure = errors.New("power failure")

// begin counts an operation and decides whether it fails.
func (m *memFS) begin(what string) *fault {
	m.ops++
	if m.dead {
		return &fault{err: errPowerFailure}
	}
	if m.fail == nil {
		return nil
	}
	f := m.fail(m.ops, what)
	if f != nil && f.crash {
		m.dead = true
		f.err = errPowerFailure
	}
	return f
}

// do runs an operation, or fails it.
func (m *memFS) do(what string, effect func() error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	f := m.begin(what)
	if f == nil || f.err == nil {
		return effect()
	}
	if f.after {
		_ = effect()
	}
	return fmt.Errorf("%s: %w", what, f.err)
}

func (m *memFS) find(name string) (*node, error) {
	n := m.top
	for part := range strings.SplitSeq(name, "/") {
		if part == "." || part == "" {
			continue
		}
		if n == nil || !n.dir || n.entries[part] == nil {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
		}
		n = n.entries[part]
	}
	return n, nil
}

func (m *memFS) parent(name string) (*node, string, error) {
	dir, err := m.find(path.Dir(name))
	if err == nil && !dir.dir {
		err = &fs.PathError{Op: "open", Path: name, Err: errors.New("not a directory")}
	}
	return dir, path.Base(name), err
}

func (m *memFS) CreateRoot(name string) (ledger.Root, error) {
	err := m.do("mkdir "+name, func() error {
		n := m.top
		for part := range strings.SplitSeq(name, "/") {
			if n.entries[part] == nil {
				n.entries[part] = newDir()
				n.durable[part] = n.entries[part]
			}
			n = n.entries[part]
		}
		return nil
	})
	return &memRoot{m, name}, err
}

func (m *memFS) OpenRoot(name string) (ledger.Root, error) {
	_, err := m.find(name)
	return &memRoot{m, name}, err
}

type memRoot struct {
	fs  *memFS
	dir string
}

func (r *memRoot) abs(name string) string { return path.Join(r.dir, name) }

func (r *memRoot) ReadFile(name string) (data []byte, err error) {
	err = r.fs.do("read "+name, func() error {
		n, err := r.fs.find(r.abs(name))
		if err == nil {
			data = slices.Clone(n.data)
		}
		return err
	})
	if err != nil {
		data = nil
	}
	return data, err
}

func (r *memRoot) Names(dir string) (names []string, err error) {
	err = r.fs.do("readdir "+dir, func() error {
		n, err := r.fs.find(r.abs(dir))
		if err == nil {
			names = slices.Collect(maps.Keys(n.entries))
		}
		return err
	})
	return names, err
}

func (r *memRoot) Stat(name string) (info fs.FileInfo, err error) {
	err = r.fs.do("stat "+name, func() error {
		n, err := r.fs.find(r.abs(name))
		if err == nil {
			info = memInfo{name, n.perm}
		}
		return err
	})
	return info, err
}

func (r *memRoot) Create(name string, perm fs.FileMode) (ledger.File, error) {
	var file *memFile
	err := r.fs.do("create "+name, func() error {
		dir, base, err := r.fs.parent(r.abs(name))
		if err != nil {
			return err
		}
		n := dir.entries[base]
		if n == nil {
			n = &node{perm: perm}
			dir.entries[base] = n
		}
		n.data = nil
		file = &memFile{r.fs, n, name}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return file, nil
}

func (r *memRoot) Mkdir(name string) error {
	return r.fs.do("mkdir "+name, func() error {
		dir, base, err := r.fs.parent(r.abs(name))
		if err != nil {
			return err
		}
		if dir.entries[base] != nil {
			return &fs.PathError{Op: "mkdir", Path: name, Err: fs.ErrExist}
		}
		dir.entries[base] = newDir()
		return nil
	})
}

func (r *memRoot) Rename(from, to string) error {
	return r.fs.do("rename "+from, func() error {
		old, oldBase, err := r.fs.parent(r.abs(from))
		if err != nil {
			return err
		}
		dir, base, err := r.fs.parent(r.abs(to))
		if err != nil {
			return err
		}
		if old.entries[oldBase] == nil {
			return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
		}
		dir.entries[base] = old.entries[oldBase]
		delete(old.entries, oldBase)
		return nil
	})
}

func (r *memRoot) RemoveAll(name string) error {
	return r.fs.do("remove "+name, func() error {
		dir, base, err := r.fs.parent(r.abs(name))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err == nil {
			delete(dir.entries, base)
		}
		return err
	})
}

func (r *memRoot) SyncDir(name string) error {
	return r.fs.do("syncdir "+name, func() error {
		n, err := r.fs.find(r.abs(name))
		if err == nil {
			n.durable = maps.Clone(n.entries)
		}
		return err
	})
}

func (r *memRoot) Lock(name string) (io.Closer, error) {
	r.fs.mu.Lock()
	defer r.fs.mu.Unlock()
	name = r.abs(name)
	if r.fs.locks[name] {
		return nil, ledger.ErrLocked
	}
	r.fs.locks[name] = true
	return memLock{r.fs, name}, nil
}

func (r *memRoot) Close() error { return nil }

type memLock struct {
	fs   *memFS
	name string
}

func (l memLock) Close() error {
	l.fs.mu.Lock()
	defer l.fs.mu.Unlock()
	delete(l.fs.locks, l.name)
	return nil
}

type memFile struct {
	fs   *memFS
	n    *node
	name string
}

func (f *memFile) Write(p []byte) (n int, err error) {
	f.fs.mu.Lock()
	defer f.fs.mu.Unlock()
	what := "write " + f.name
	if fault := f.fs.begin(what); fault != nil {
		switch {
		case fault.after:
			n = len(p)
		case fault.short || fault.crash:
			n = len(p) / 2
		}
		f.n.data = append(f.n.data, p[:n]...)
		if fault.err == nil {
			return n, nil
		}
		return n, fmt.Errorf("%s: %w", what, fault.err)
	}
	f.n.data = append(f.n.data, p...)
	if f.fs.lie != nil && f.fs.lie(what) {
		f.n.data[0] ^= 1
	}
	return len(p), nil
}

func (f *memFile) Sync() error {
	return f.fs.do("sync "+f.name, func() error {
		f.n.synced = slices.Clone(f.n.data)
		return nil
	})
}

func (f *memFile) Close() error { return f.fs.do("close "+f.name, func() error { return nil }) }

type memInfo struct {
	name string
	perm fs.FileMode
}

func (i memInfo) Name() string       { return i.name }
func (i memInfo) Size() int64        { return 0 }
func (i memInfo) Mode() fs.FileMode  { return i.perm }
func (i memInfo) ModTime() time.Time { return epoch }
func (i memInfo) IsDir() bool        { return false }
func (i memInfo) Sys() any           { return nil }

// afterPowerFailure returns what a disk may hold when the power comes back: all
// that was synced, and of the rest whatever the dice say, in no order.
func (m *memFS) afterPowerFailure(dice *rand.Rand) *memFS {
	m.mu.Lock()
	defer m.mu.Unlock()
	seen := map[*node]*node{}
	return &memFS{top: m.top.afterPowerFailure(dice, seen), locks: map[string]bool{}}
}

func (n *node) afterPowerFailure(dice *rand.Rand, seen map[*node]*node) *node {
	if done := seen[n]; done != nil {
		return done
	}
	if !n.dir {
		c := &node{perm: n.perm}
		seen[n] = c
		c.data = slices.Clone(n.synced)
		if !slices.Equal(n.data, n.synced) {
			switch dice.IntN(4) {
			case 0:
				c.data = slices.Clone(n.data)
			case 1: // the length, but not the content
				c.data = make([]byte, len(n.data))
			case 2:
				c.data = slices.Clone(n.data[:dice.IntN(len(n.data)+1)])
			}
		}
		c.synced = slices.Clone(c.data)
		return c
	}
	c := newDir()
	seen[n] = c
	names := slices.Sorted(maps.Keys(n.entries))
	for name := range n.durable {
		if n.entries[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	for _, name := range names {
		entry := n.durable[name]
		if entry != n.entries[name] && dice.IntN(2) == 0 {
			entry = n.entries[name]
		}
		if entry != nil {
			c.entries[name] = entry.afterPowerFailure(dice, seen)
		}
	}
	c.durable = maps.Clone(c.entries)
	return c
}
