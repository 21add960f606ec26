package keyring

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// File edits a keys file. Comments, order and layout stay as they are. A change
// appears whole or not at all, keeps the file's owner and mode, and is refused
// when the file has a fault: a proxy would not take it.
//
// Editors on one machine exclude each other by a lock on a file beside it, named
// with a suffix of ".lock", which stays. An editor waits for the lock until its
// context is done.
type File struct {
	Path string
}

// ErrNoKey says that the file has no key of an id.
var ErrNoKey = errors.New("no such key")

// Info is a key without its secret.
type Info struct {
	ID        string
	Principal string
	Expires   time.Time // zero: never
	Disabled  bool
	Allow     []Allow
}

// Grant is what a new key is to be.
type Grant struct {
	Principal string
	Expires   time.Time // zero: never
	Allow     []Allow   // none: the key may do nothing
}

// List returns the keys in the file's order.
func (f File) List() ([]Info, error) {
	file, err := readSteady(f.Path)
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	keys, err := parse(f.Path, file.text, f.vocabulary())
	if err != nil {
		return nil, fmt.Errorf("list keys: %w", err)
	}
	list := make([]Info, len(keys))
	for i, k := range keys {
		list[i] = Info{ID: k.id, Principal: k.principal, Expires: k.expires, Disabled: k.disabled, Allow: k.allow}
	}
	return list, nil
}

// New adds a key with an id and a secret of its own making. It makes the file,
// with mode 0600, when there is none. The secret is nowhere but in the file and
// in what New returns.
func (f File) New(ctx context.Context, g Grant) (id string, secret Secret, err error) {
	made := definition{
		id:        makeKeyID(),
		secret:    makeSecret(),
		principal: g.Principal,
		expires:   g.Expires.UTC().Truncate(time.Second),
		allow:     g.Allow,
	}
	if g.Expires.IsZero() {
		made.expires = time.Time{}
	}
	if err := f.vocabulary().check(&made); err != nil {
		return "", Secret{}, fmt.Errorf("new key: %w", err)
	}
	err = f.edit(ctx, func(s *source) ([]definition, error) {
		return append(slices.Clone(s.keys), made), s.add(&made)
	})
	if err != nil {
		return "", Secret{}, fmt.Errorf("new key: %w", err)
	}
	return made.id, made.secret, nil
}

// SetDisabled disables or enables a key. To say again what holds already changes
// nothing.
func (f File) SetDisabled(ctx context.Context, id string, disabled bool) error {
	err := f.edit(ctx, func(s *source) ([]definition, error) {
		i, err := s.find(id)
		if err != nil || s.keys[i].disabled == disabled {
			return s.keys, err
		}
		want := slices.Clone(s.keys)
		want[i].disabled = disabled
		return want, s.setDisabled(i, disabled)
	})
	if err != nil {
		return fmt.Errorf("set disabled of key %s: %w", id, err)
	}
	return nil
}

// Delete removes a key. Comments above and below it stay.
func (f File) Delete(ctx context.Context, id string) error {
	err := f.edit(ctx, func(s *source) ([]definition, error) {
		i, err := s.find(id)
		if err != nil {
			return nil, err
		}
		return slices.Delete(slices.Clone(s.keys), i, i+1), s.remove(i)
	})
	if err != nil {
		return fmt.Errorf("delete key %s: %w", id, err)
	}
	return nil
}

// errLayout says that a file is sound, but laid out in a way in which a change of
// its text cannot be made with care.
var errLayout = errors.New("the file's layout is none that can be edited here; edit it by hand")

// edit has change alter the text of the file, and replaces the file if the altered
// text means the keys that change returns and nothing else.
func (f File) edit(ctx context.Context, change func(*source) ([]definition, error)) error {
	path, err := filepath.EvalSymlinks(f.Path)
	if errors.Is(err, fs.ErrNotExist) {
		path, err = f.Path, nil
	}
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, path+".lock")
	if err != nil {
		return err
	}
	defer unlock()

	file, err := readFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		file, err = &keysFile{text: []byte(emptyFile)}, nil
	}
	if err != nil {
		return err
	}
	s, err := parseSource(f.Path, file.text, f.vocabulary())
	if err != nil {
		return err
	}
	want, err := change(s)
	if err != nil {
		return err
	}
	if string(s.text) == string(file.text) {
		return nil
	}
	got, err := parse(f.Path, s.text, f.vocabulary())
	if err != nil || !slices.EqualFunc(got, want, func(a, b definition) bool { return a.equal(&b) }) {
		return errLayout
	}
	return replace(path, s.text, file.info)
}

// vocabulary does not know which regions are served: that is for the proxy to say.
func (f File) vocabulary() *vocabulary { return &vocabulary{operations: apiOperations()} }

// replace puts text in the place of a file, or of none when old is nil, so that
// whoever opens it, after a crash too, finds either all of one or all of the other.
func replace(path string, text []byte, old fs.FileInfo) (err error) {
	dir := filepath.Dir(path)
	temp, err := os.CreateTemp(dir, ".keys-*.tmp") // 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, temp.Close(), os.Remove(temp.Name()))
		}
	}()
	if old != nil {
		if err := likeBefore(temp, old); err != nil {
			return err
		}
	}
	if _, err := temp.Write(text); err != nil {
		return err
	}
	if err := temp.Sync(); err != nil {
		return err
	}
	if err := os.Rename(temp.Name(), path); err != nil {
		return err
	}
	temp.Close()
	return syncDir(dir)
}

// syncDir makes the names in a directory durable.
func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
