package token

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"time"
)

// File edits a tokens file. Comments, order and layout stay as they are. A change
// appears whole or not at all, keeps the file's owner and mode, and is refused
// when the file has a fault: a [Store] would not take it.
//
// Editors on one machine exclude each other by a lock on a file beside it, named
// with a suffix of ".lock", which stays. An editor waits for the lock until its
// context is done.
type File struct {
	Path string
}

// Why a change is not made.
var (
	ErrNoToken   = errors.New("no such token")
	ErrNameTaken = errors.New("there is a token of this name already")
)

// errLayout says that a file is sound, but laid out in a way in which a change of
// its text cannot be made with care.
var errLayout = errors.New("the file's layout is none that can be edited here; edit it by hand")

// Info is what is known of a token by its name.
type Info struct {
	Name    string
	Role    Role
	Expires time.Time // zero: never
}

// List returns the tokens in the file's order.
func (f File) List() ([]Info, error) {
	file, err := readSteady(f.Path)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	tokens, err := parse(f.Path, file.text)
	if err != nil {
		return nil, fmt.Errorf("list tokens: %w", err)
	}
	list := make([]Info, len(tokens))
	for i, d := range tokens {
		list[i] = Info{Name: d.name, Role: d.role, Expires: d.expires}
	}
	return list, nil
}

// New adds a token, and returns its text, which is nowhere else. It makes the file,
// with mode 0600, when there is none.
func (f File) New(ctx context.Context, i Info) (text string, err error) {
	text = makeText()
	made := definition{name: i.Name, role: i.Role, sum: sumOf(text)}
	if !i.Expires.IsZero() {
		made.expires = i.Expires.UTC().Truncate(time.Second)
	}
	if err := made.check(); err != nil {
		return "", fmt.Errorf("new token: %w", err)
	}
	if !made.expires.IsZero() && !made.expires.After(time.Now()) {
		return "", fmt.Errorf("new token %q: it would expire at %s, which is past", made.name, made.expires.Format(time.RFC3339))
	}
	err = f.edit(ctx, func(s *source) ([]definition, error) {
		if _, err := s.find(made.name); err == nil {
			return nil, ErrNameTaken
		}
		return append(slices.Clone(s.tokens), made), s.add(&made)
	})
	if err != nil {
		return "", fmt.Errorf("new token %q: %w", made.name, err)
	}
	return text, nil
}

// Delete removes a token. Comments above and below it stay.
func (f File) Delete(ctx context.Context, name string) error {
	err := f.edit(ctx, func(s *source) ([]definition, error) {
		i, err := s.find(name)
		if err != nil {
			return nil, err
		}
		return slices.Delete(slices.Clone(s.tokens), i, i+1), s.remove(i)
	})
	if err != nil {
		return fmt.Errorf("delete token %q: %w", name, err)
	}
	return nil
}

// edit has change alter the text of the file, and replaces the file if the altered
// text means the tokens that change returns and nothing else.
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
		file, err = &tokensFile{text: []byte(emptyFile)}, nil
	}
	if err != nil {
		return err
	}
	s, err := parseSource(f.Path, file.text)
	if err != nil {
		return err
	}
	want, err := change(s)
	if err != nil {
		return err
	}
	got, err := parse(f.Path, s.text)
	if err != nil || !slices.EqualFunc(got, want, func(a, b definition) bool { return a.equal(&b) }) {
		return errLayout
	}
	if len(s.text) > maxFile {
		return fmt.Errorf("%s would be larger than %d bytes; delete tokens that are no longer needed", f.Path, maxFile)
	}
	return replace(path, s.text, file.info)
}
