package trail

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// A file whose name has a time before CloudTrail's or ahead of ours says nothing of
// a window.
const (
	launched = 2013
	ahead    = time.Hour
)

// streamKey names the log files of an account in a region.
type streamKey struct{ account, region string }

func (k streamKey) String() string { return k.account + "/" + k.region }

// stream is what a scan found of an account in a region. Lists are in the order of
// the names' times.
type stream struct {
	streamKey
	logs       map[time.Time][]*file // by the hour of their delivery
	byBase     map[string][]*file    // the log files
	digests    map[string][]*file    // by trail
	backfills  []*file
	signatures map[string]*file // of digests, by the digest's base
	first      time.Time        // hour of the earliest file
	newest     time.Time        // time of the latest file
}

// tree is what a scan found.
type tree struct {
	streams []*stream
	strays  []*file
	files   int // that can hold records
}

// scan looks for files under the configured paths, but for directories of days
// that are over before from.
func (s *Source) scan(from time.Time) (*tree, error) {
	s.scans++
	t := &tree{}
	streams := map[streamKey]*stream{}
	for _, root := range s.config.Paths {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			return nil, fmt.Errorf("look for log files: %w", err)
		}
		err = filepath.WalkDir(real, func(path string, entry fs.DirEntry, err error) error {
			if err != nil {
				if os.IsNotExist(err) && path != real {
					return nil // a sync tool's temporary file
				}
				return err
			}
			if entry.IsDir() {
				if path != real && before(filepath.ToSlash(path), from) {
					return fs.SkipDir
				}
				return nil
			}
			n := parseName(filepath.ToSlash(path))
			if n.kind == other && path == real {
				n = name{kind: stray, base: path}
			}
			if !n.time.IsZero() && (n.time.Year() < launched || n.time.After(s.asOf.Add(ahead))) {
				n = name{kind: stray, base: n.base}
			}
			if n.kind == other || !entry.Type().IsRegular() {
				return nil
			}
			if c := s.contents[path]; c != nil && c.scan == s.scans {
				return nil // named beside its directory
			}
			info, err := entry.Info()
			if os.IsNotExist(err) {
				return nil
			}
			if err != nil {
				return err
			}
			f := s.see(n, path, info)
			if n.kind == stray {
				t.strays = append(t.strays, f)
				t.files++
				return nil
			}
			key := streamKey{n.account, n.region}
			if streams[key] == nil {
				streams[key] = newStream(key)
			}
			streams[key].add(f)
			if n.kind == log {
				t.files++
			}
			return nil
		})
		if err != nil {
			return nil, fmt.Errorf("look for log files: %w", err)
		}
	}
	for path, c := range s.contents {
		if c.scan != s.scans {
			delete(s.contents, path)
		}
	}
	for _, st := range streams {
		st.sort()
		t.streams = append(t.streams, st)
	}
	slices.SortFunc(t.streams, func(a, b *stream) int { return cmp.Compare(a.String(), b.String()) })
	slices.SortFunc(t.strays, func(a, b *file) int { return cmp.Compare(a.path, b.path) })
	return t, nil
}

// see returns a file with what is known of its content.
func (s *Source) see(n name, path string, info fs.FileInfo) *file {
	c := s.contents[path]
	if c == nil || c.size != info.Size() || !c.mtime.Equal(info.ModTime()) {
		c = &content{size: info.Size(), mtime: info.ModTime(), first: s.asOf}
		s.contents[path] = c
	}
	c.scan = s.scans
	return &file{name: n, path: path, size: info.Size(), mtime: info.ModTime(), content: c}
}

func newStream(key streamKey) *stream {
	return &stream{
		streamKey:  key,
		logs:       map[time.Time][]*file{},
		byBase:     map[string][]*file{},
		digests:    map[string][]*file{},
		signatures: map[string]*file{},
	}
}

func (st *stream) add(f *file) {
	switch f.kind {
	case log:
		hour := f.time.Truncate(time.Hour)
		st.logs[hour] = append(st.logs[hour], f)
		st.byBase[f.base] = append(st.byBase[f.base], f)
	case digest:
		st.digests[f.trail] = append(st.digests[f.trail], f)
	case backfill:
		st.backfills = append(st.backfills, f)
		return // it may come long after its time
	case signature:
		st.signatures[f.base] = f
		return
	}
	if st.first.IsZero() || f.time.Before(st.first) {
		st.first = f.time.Truncate(time.Hour)
	}
	if f.time.After(st.newest) {
		st.newest = f.time
	}
}

func (st *stream) sort() {
	byTime := func(a, b *file) int {
		return cmp.Or(a.time.Compare(b.time), cmp.Compare(a.base, b.base), cmp.Compare(a.path, b.path))
	}
	for _, files := range st.logs {
		slices.SortFunc(files, byTime)
	}
	for trail, files := range st.digests {
		slices.SortFunc(files, byTime)
		// Copies of a digest are one digest: which one is read makes no difference, for
		// both have to be what the next digest says.
		st.digests[trail] = slices.CompactFunc(files, func(a, b *file) bool { return a.base == b.base })
	}
	slices.SortFunc(st.backfills, byTime)
}

// delivered returns the log files that were delivered in some hours.
func (st *stream) delivered(start, end time.Time) []*file {
	var files []*file
	for h := start; h.Before(end); h = h.Add(time.Hour) {
		files = append(files, st.logs[h]...)
	}
	return files
}

// from returns the digests that end after t.
func from(digests []*file, t time.Time) []*file {
	i, _ := slices.BinarySearchFunc(digests, t.Add(1), func(f *file, t time.Time) int { return f.time.Compare(t) })
	return digests[i:]
}

// fingerprint changes when a file does on which depends what is said of deliveries.
func (st *stream) fingerprint(start, end time.Time, keys keyring) uint64 {
	h := fnv.New64a()
	fmt.Fprintln(h, st.logsFingerprint(start, end), keys.fingerprints())
	for _, trail := range slices.Sorted(maps.Keys(st.digests)) {
		for _, f := range from(st.digests[trail], start) {
			if f.time.After(end.Add(overdue + time.Hour)) {
				break
			}
			f.identify(h)
			st.signatures[f.base].identify(h)
		}
	}
	for _, f := range st.backfills {
		f.identify(h)
		st.signatures[f.base].identify(h)
	}
	return h.Sum64()
}

// logsFingerprint changes when one of the log files does that were delivered.
func (st *stream) logsFingerprint(start, end time.Time) uint64 {
	h := fnv.New64a()
	for _, f := range st.delivered(start, end) {
		f.identify(h)
	}
	return h.Sum64()
}

// identify writes what changes when the file does.
func (f *file) identify(w io.Writer) {
	if f != nil {
		fmt.Fprintf(w, "%s\n%d %d\n", f.path, f.size, f.mtime.UnixNano())
	}
}
