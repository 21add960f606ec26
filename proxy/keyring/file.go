package keyring

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// File edits a keys file, as [livefile.List.Edit] promises: whole or not at all, and
// never one with a fault, which a proxy would not take.
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
	keys, err := fileOf(anyRegion()).Read(f.Path)
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
	if err := anyRegion().check(&made); err != nil {
		return "", Secret{}, fmt.Errorf("new key: %w", err)
	}
	err = f.edit(ctx, func(keys []definition, text *livefile.Text) ([]definition, error) {
		return append(keys, made), text.Add(made.lines()...)
	})
	if err != nil {
		return "", Secret{}, fmt.Errorf("new key: %w", err)
	}
	return made.id, made.secret, nil
}

// SetDisabled disables or enables a key. To say again what holds already changes
// nothing.
func (f File) SetDisabled(ctx context.Context, id string, disabled bool) error {
	err := f.edit(ctx, func(keys []definition, text *livefile.Text) ([]definition, error) {
		i, err := find(keys, id)
		if err != nil || keys[i].disabled == disabled {
			return keys, err
		}
		keys[i].disabled = disabled
		return keys, text.Set(i, "disabled", fmt.Sprint(disabled), "id")
	})
	if err != nil {
		return fmt.Errorf("set disabled of key %s: %w", id, err)
	}
	return nil
}

// Delete removes a key. Comments above and below it stay.
func (f File) Delete(ctx context.Context, id string) error {
	err := f.edit(ctx, func(keys []definition, text *livefile.Text) ([]definition, error) {
		i, err := find(keys, id)
		if err != nil {
			return nil, err
		}
		return slices.Delete(keys, i, i+1), text.Remove(i)
	})
	if err != nil {
		return fmt.Errorf("delete key %s: %w", id, err)
	}
	return nil
}

func (f File) edit(ctx context.Context, change func([]definition, *livefile.Text) ([]definition, error)) error {
	return fileOf(anyRegion()).Edit(ctx, f.Path, change)
}

// anyRegion does not know which regions are served: that is for the proxy to say.
func anyRegion() *vocabulary { return &vocabulary{operations: apiOperations()} }

func find(keys []definition, id string) (int, error) {
	i := slices.IndexFunc(keys, func(k definition) bool { return k.id == id })
	if i < 0 {
		return 0, ErrNoKey
	}
	return i, nil
}
