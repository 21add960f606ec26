package livefile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
)

// List is a kind of YAML file: a mapping with one key, whose value is a list.
type List[T any] struct {
	Name  string // the key, in the plural
	Rules Rules
	// Empty is what a new file is made from.
	Empty string
	// Items reads the items, and notes their faults.
	Items func(items []Node) []T
	// Equal says that two items mean the same.
	Equal func(a, b *T) bool
}

// ErrLayout says that a file is sound, but laid out in a way in which a change of
// its text cannot be made with care.
var ErrLayout = errors.New("the file's layout is none that can be edited here; edit it by hand")

// Parse returns the items of a text that has no fault, or all of its faults. file
// is the name that they go by.
func (l *List[T]) Parse(file string, text []byte) ([]T, error) {
	_, items, err := l.parse(file, text)
	return items, err
}

func (l *List[T]) parse(file string, text []byte) (*document, []T, error) {
	doc, fault := parseDocument(file, l.Name, text)
	if fault != nil {
		return nil, nil, fault
	}
	var items []T
	for _, list := range (Node{doc: doc, node: doc.root}).Fields([]string{l.Name}) {
		items = l.Items(list.Items())
	}
	if err := joinFaults(doc.faults); err != nil {
		return nil, nil, err
	}
	return doc, items, nil
}

// Read returns the items that a file has now.
func (l *List[T]) Read(path string) ([]T, error) {
	content, err := l.Rules.Read(path)
	if err != nil {
		return nil, err
	}
	return l.Parse(path, content.Text)
}

// Edit has change alter the text of a file, and replaces the file if the altered
// text means the items that change returns and nothing else. It makes the file,
// with mode 0600, when there is none, and refuses a file with a fault.
//
// Editors exclude each other by a lock on a file beside it, named with a suffix of
// ".lock", which stays. An editor waits for the lock until ctx is done.
func (l *List[T]) Edit(ctx context.Context, path string, change func(items []T, text *Text) ([]T, error)) error {
	target, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		target, err = path, nil
	}
	if err != nil {
		return err
	}
	unlock, err := lock(ctx, target+".lock")
	if err != nil {
		return err
	}
	defer unlock()

	before, err := l.Rules.Read(target)
	if errors.Is(err, fs.ErrNotExist) {
		before, err = &Content{Text: []byte(l.Empty)}, nil
	}
	if err != nil {
		return err
	}
	after, err := l.altered(path, before.Text, change)
	switch {
	case err != nil:
		return err
	case string(after) == string(before.Text):
		return nil
	case len(after) > l.Rules.MaxBytes:
		return fmt.Errorf("%s would be larger than %d bytes; delete %s that are no longer needed", path, l.Rules.MaxBytes, l.Name)
	case Stat(target) != before.State:
		return fmt.Errorf("%s has just been changed by somebody else; try again", path)
	}
	return replace(target, after, before.info, syncDir)
}

// altered is the text after a change.
func (l *List[T]) altered(path string, text []byte, change func([]T, *Text) ([]T, error)) ([]byte, error) {
	doc, items, err := l.parse(path, text)
	if err != nil {
		return nil, err
	}
	if bytes.Count(text, []byte("\r")) != bytes.Count(text, []byte("\r\n")) {
		return nil, ErrLayout // the parser ends a line at a lone carriage return too
	}
	edited := newText(text, doc)
	want, err := change(items, edited)
	if err != nil {
		return nil, err
	}
	got, err := l.Parse(path, edited.bytes)
	if err != nil || !slices.EqualFunc(got, want, func(a, b T) bool { return l.Equal(&a, &b) }) {
		return nil, ErrLayout
	}
	return edited.bytes, nil
}
