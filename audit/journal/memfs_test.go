package journal_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/journal"
)

const memPage = 512

// memFS models one directory on a disk with a page cache. What is written is
// seen at once and lost at a power cut, page by page and in any order, unless a
// sync came between; likewise for names. A sync that fails leaves its pages clean
// in the cache and absent from the disk, as Linux does.
type memFS struct {
	mu      sync.Mutex
	names   map[string]*memInode
	disk    map[string]*memInode // names that are durable
	pending []func(names map[string]*memInode)
	inodes  uint64
	free    int64
	locked  bool
	moved   bool
	session int // a handle of an earlier session is that of a dead process

	// fault is asked before each operation, if it is set. It may sleep, and is
	// called without the lock.
	fault func(op, name string) memFault
}

// memFault is how an operation fails.
type memFault struct {
	err   error
	short int // bytes that a failing write writes all the same
}

type memInode struct {
	ino   uint64
	cache []byte
	disk  []byte
	dirty map[int]bool // pages that differ from the disk, as far as the kernel knows
	cut   bool         // truncated since the last sync
}

func newMemFS() *memFS {
	return &memFS{names: map[string]*memInode{}, disk: map[string]*memInode{}, free: 1 << 40}
}

func (m *memFS) CreateDir(string) (journal.Dir, error) { return m.OpenDir("") }
func (m *memFS) OpenDir(string) (journal.Dir, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return &memDir{m, m.session}, nil
}

// kill ends the process that uses the directory: what its handles do from now on
// fails and has no effect. The page cache survives.
func (m *memFS) kill() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.session++
	m.locked = false
}

// powerCut is kill, and the page cache is lost.
func (m *memFS) powerCut(r *rand.Rand) {
	m.kill()
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, op := range m.pending {
		if r.IntN(2) == 0 {
			op(m.disk)
		}
	}
	m.pending = nil
	m.names = maps.Clone(m.disk)
	done := map[*memInode]bool{}
	for _, name := range slices.Sorted(maps.Keys(m.names)) {
		if f := m.names[name]; !done[f] {
			done[f] = true
			f.powerCut(r)
		}
	}
}

func (f *memInode) powerCut(r *rand.Rand) {
	if f.cut && r.IntN(2) == 0 {
		f.disk = f.disk[:min(len(f.disk), len(f.cache))]
	}
	// How likely a page is to have been written differs from one cut to the next,
	// so that nothing, everything and a mixture all come up.
	chance := r.IntN(5)
	for _, p := range slices.Sorted(maps.Keys(f.dirty)) {
		if r.IntN(4) < chance {
			f.writeBack(p)
		}
	}
	if len(f.cache) > len(f.disk) && r.IntN(3) == 0 {
		// The size got to the disk before the pages did.
		size := len(f.disk) + 1 + r.IntN(len(f.cache)-len(f.disk))
		f.disk = append(f.disk, make([]byte, size-len(f.disk))...)
	}
	f.cache = slices.Clone(f.disk)
	f.dirty, f.cut = map[int]bool{}, false
}

func (f *memInode) writeBack(page int) {
	start, end := page*memPage, min((page+1)*memPage, len(f.cache))
	if start >= end {
		return
	}
	if len(f.disk) < end {
		f.disk = append(f.disk, make([]byte, end-len(f.disk))...)
	}
	copy(f.disk[start:end], f.cache[start:end])
	delete(f.dirty, page)
}

func (f *memInode) write(b []byte, at int) {
	if end := at + len(b); end > len(f.cache) {
		f.cache = append(f.cache, make([]byte, end-len(f.cache))...)
	}
	copy(f.cache[at:], b)
	for p := at / memPage; p*memPage < at+len(b); p++ {
		f.dirty[p] = true
	}
}

func (f *memInode) info() journal.FileInfo {
	return journal.FileInfo{Dev: 1, Ino: f.ino, Size: int64(len(f.cache))}
}

type memDir struct {
	m       *memFS
	session int
}

// enter asks for a fault and takes the lock. After an error the lock is free.
func (d *memDir) enter(op, name string) (memFault, error) {
	d.m.mu.Lock()
	ask := d.m.fault
	d.m.mu.Unlock()
	var f memFault
	if ask != nil {
		f = ask(op, name)
	}
	d.m.mu.Lock()
	if d.session != d.m.session {
		d.m.mu.Unlock()
		return f, fmt.Errorf("%s %s: process is dead", op, name)
	}
	if f.err != nil && op != "write" && op != "sync" {
		d.m.mu.Unlock()
		return f, &fs.PathError{Op: op, Path: name, Err: f.err}
	}
	return f, nil
}

func (d *memDir) Names() ([]string, error) {
	if _, err := d.enter("names", ""); err != nil {
		return nil, err
	}
	defer d.m.mu.Unlock()
	return slices.Collect(maps.Keys(d.m.names)), nil
}

func (d *memDir) OpenFile(name string, flag int) (journal.File, error) {
	op := "open"
	if flag&os.O_CREATE != 0 {
		op = "create"
	}
	if _, err := d.enter(op, name); err != nil {
		return nil, err
	}
	defer d.m.mu.Unlock()
	f, exists := d.m.names[name]
	switch {
	case exists && flag&os.O_EXCL != 0:
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrExist}
	case !exists && op == "open":
		return nil, &fs.PathError{Op: op, Path: name, Err: fs.ErrNotExist}
	case !exists:
		d.m.inodes++
		f = &memInode{ino: d.m.inodes, dirty: map[int]bool{}}
		d.m.change(func(names map[string]*memInode) { names[name] = f })
	}
	return &memFile{d, f, name}, nil
}

// change alters the names, and those on the disk at the next sync or perhaps at
// a power cut.
func (m *memFS) change(op func(map[string]*memInode)) {
	op(m.names)
	m.pending = append(m.pending, op)
}

func (d *memDir) Stat(name string) (journal.FileInfo, error) {
	if _, err := d.enter("stat", name); err != nil {
		return journal.FileInfo{}, err
	}
	defer d.m.mu.Unlock()
	f, ok := d.m.names[name]
	if !ok {
		return journal.FileInfo{}, &fs.PathError{Op: "stat", Path: name, Err: fs.ErrNotExist}
	}
	return f.info(), nil
}

func (d *memDir) Rename(from, to string) error {
	if _, err := d.enter("rename", from); err != nil {
		return err
	}
	defer d.m.mu.Unlock()
	f, ok := d.m.names[from]
	if !ok {
		return &fs.PathError{Op: "rename", Path: from, Err: fs.ErrNotExist}
	}
	d.m.change(func(names map[string]*memInode) {
		delete(names, from)
		names[to] = f
	})
	return nil
}

func (d *memDir) Remove(name string) error {
	if _, err := d.enter("remove", name); err != nil {
		return err
	}
	defer d.m.mu.Unlock()
	if _, ok := d.m.names[name]; !ok {
		return &fs.PathError{Op: "remove", Path: name, Err: fs.ErrNotExist}
	}
	d.m.change(func(names map[string]*memInode) { delete(names, name) })
	return nil
}

func (d *memDir) Sync() error {
	if _, err := d.enter("syncdir", ""); err != nil {
		return err
	}
	defer d.m.mu.Unlock()
	d.m.pending = nil
	d.m.disk = maps.Clone(d.m.names)
	return nil
}

func (d *memDir) Free() (int64, error) {
	if _, err := d.enter("free", ""); err != nil {
		return 0, err
	}
	defer d.m.mu.Unlock()
	return d.m.free, nil
}

func (d *memDir) InPlace() error {
	if _, err := d.enter("inplace", ""); err != nil {
		return err
	}
	defer d.m.mu.Unlock()
	if d.m.moved {
		return errors.New("is another directory now")
	}
	return nil
}

func (d *memDir) Lock(name string) (io.Closer, error) {
	if _, err := d.enter("lock", name); err != nil {
		return nil, err
	}
	defer d.m.mu.Unlock()
	if d.m.locked {
		return nil, &journal.LockedError{Dir: "mem", Holder: "1"}
	}
	d.m.locked = true
	return memLock{d}, nil
}

func (d *memDir) Close() error { return nil }

type memLock struct{ d *memDir }

func (l memLock) Close() error {
	l.d.m.mu.Lock()
	defer l.d.m.mu.Unlock()
	if l.d.session == l.d.m.session {
		l.d.m.locked = false
	}
	return nil
}

type memFile struct {
	d    *memDir
	f    *memInode
	name string
}

func (f *memFile) Write(b []byte) (int, error) {
	fault, err := f.d.enter("write", f.name)
	if err != nil {
		return 0, err
	}
	defer f.d.m.mu.Unlock()
	if fault.err != nil {
		n := min(fault.short, len(b))
		f.f.write(b[:n], len(f.f.cache))
		if errors.Is(fault.err, errShort) {
			return n, nil
		}
		return n, &fs.PathError{Op: "write", Path: f.name, Err: fault.err}
	}
	f.f.write(b, len(f.f.cache))
	return len(b), nil
}

// errShort makes a write come back short without an error.
var errShort = errors.New("short")

func (f *memFile) WriteAt(b []byte, at int64) (int, error) {
	fault, err := f.d.enter("write", f.name)
	if err != nil {
		return 0, err
	}
	defer f.d.m.mu.Unlock()
	if fault.err != nil {
		return 0, &fs.PathError{Op: "write", Path: f.name, Err: fault.err}
	}
	f.f.write(b, int(at))
	return len(b), nil
}

func (f *memFile) ReadAt(b []byte, at int64) (int, error) {
	if _, err := f.d.enter("read", f.name); err != nil {
		return 0, err
	}
	defer f.d.m.mu.Unlock()
	if at >= int64(len(f.f.cache)) {
		return 0, io.EOF
	}
	n := copy(b, f.f.cache[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memFile) Stat() (journal.FileInfo, error) {
	if _, err := f.d.enter("fstat", f.name); err != nil {
		return journal.FileInfo{}, err
	}
	defer f.d.m.mu.Unlock()
	return f.f.info(), nil
}

func (f *memFile) Truncate(size int64) error {
	if _, err := f.d.enter("truncate", f.name); err != nil {
		return err
	}
	defer f.d.m.mu.Unlock()
	f.f.cache = f.f.cache[:size:size]
	maps.DeleteFunc(f.f.dirty, func(p int, _ bool) bool { return p*memPage >= int(size) })
	f.f.cut = true
	return nil
}

func (f *memFile) Sync() error {
	fault, err := f.d.enter("sync", f.name)
	if err != nil {
		return err
	}
	defer f.d.m.mu.Unlock()
	if fault.err != nil {
		for n, p := range slices.Sorted(maps.Keys(f.f.dirty)) {
			if n%2 == 1 {
				f.f.writeBack(p)
			}
		}
		f.f.dirty = map[int]bool{}
		return &fs.PathError{Op: "sync", Path: f.name, Err: fault.err}
	}
	f.f.disk = f.f.disk[:min(len(f.f.disk), len(f.f.cache))]
	for _, p := range slices.Sorted(maps.Keys(f.f.dirty)) {
		f.f.writeBack(p)
	}
	f.f.cut = false
	return nil
}

func (f *memFile) Close() error { return nil }

// failing returns a fault function that fails the operation op on each call for
// which when holds, counted from 0.
func failing(op string, fault memFault, when func(call int) bool) func(string, string) memFault {
	var mu sync.Mutex
	calls := 0
	return func(got, _ string) memFault {
		mu.Lock()
		defer mu.Unlock()
		if got != op {
			return memFault{}
		}
		calls++
		if when(calls - 1) {
			return fault
		}
		return memFault{}
	}
}

func slow(op string, d time.Duration) func(string, string) memFault {
	return func(got, _ string) memFault {
		if got == op {
			time.Sleep(d)
		}
		return memFault{}
	}
}

func (m *memFS) setFault(f func(op, name string) memFault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fault = f
}

// file returns the content of a file as a process sees it.
func (m *memFS) file(name string) []byte {
	m.mu.Lock()
	defer m.mu.Unlock()
	if f, ok := m.names[name]; ok {
		return slices.Clone(f.cache)
	}
	return nil
}

var (
	eio    = memFault{err: syscall.EIO}
	enospc = memFault{err: syscall.ENOSPC, short: 100}
)

func (m *memFS) setFree(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.free = n
}

// meddle does to a file what another process might.
func (m *memFS) meddle(op func(names map[string]*memInode)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	op(m.names)
}
