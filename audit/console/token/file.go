package token

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// File edits a tokens file, as [livefile.List.Edit] promises. A change that a
// [Store] would not take is refused.
type File struct {
	Path string
}

// Why a change is not made.
var (
	ErrNoToken   = errors.New("no such token")
	ErrNameTaken = errors.New("there is a token of this name already")
)

// Info is what is known of a token by its name.
type Info struct {
	Name    string
	Role    Role
	Expires time.Time // zero: never
}

// List returns the tokens in the file's order.
func (f File) List() ([]Info, error) {
	tokens, err := tokensFile().Read(f.Path)
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
	err = tokensFile().Edit(ctx, f.Path, func(tokens []definition, text *livefile.Text) ([]definition, error) {
		if _, err := find(tokens, made.name); err == nil {
			return nil, ErrNameTaken
		}
		return append(tokens, made), text.Add(made.line())
	})
	if err != nil {
		return "", fmt.Errorf("new token %q: %w", made.name, err)
	}
	return text, nil
}

// Delete removes a token. Comments above and below it stay.
func (f File) Delete(ctx context.Context, name string) error {
	err := tokensFile().Edit(ctx, f.Path, func(tokens []definition, text *livefile.Text) ([]definition, error) {
		i, err := find(tokens, name)
		if err != nil {
			return nil, err
		}
		return slices.Delete(tokens, i, i+1), text.Remove(i)
	})
	if err != nil {
		return fmt.Errorf("delete token %q: %w", name, err)
	}
	return nil
}

func find(tokens []definition, name string) (int, error) {
	i := slices.IndexFunc(tokens, func(d definition) bool { return d.name == name })
	if i < 0 {
		return 0, ErrNoToken
	}
	return i, nil
}
