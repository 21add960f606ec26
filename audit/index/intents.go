package index

import (
	"context"
	"database/sql"
)

// openIntent is the intent of a call that has no outcome yet.
type openIntent struct {
	entry  uint64
	stored bool // the database knows it
}

// intents are those of the calls whose outcome is not indexed: in flight, or cut
// short. They are as few as calls are made at a time, so that an outcome finds its
// intent, or that it has none, without asking the database.
type intents struct {
	open   map[string]openIntent // by idKey
	closed []string              // that the database still has

	insert *inserter
	remove *sql.Stmt
}

func newIntents(ctx context.Context, c *session) (i *intents, err error) {
	i = &intents{}
	if i.insert, err = newInserter(ctx, c, `INSERT OR REPLACE INTO intents (id, entry)`, 2, ""); err != nil {
		return nil, err
	}
	i.remove, err = c.PrepareContext(ctx, `DELETE FROM intents WHERE id = ?`)
	return i, err
}

// load goes back to what the database has.
func (i *intents) load(ctx context.Context, c *session) error {
	i.open, i.closed = map[string]openIntent{}, nil
	i.insert.reset()
	found, err := c.QueryContext(ctx, `SELECT id, entry FROM intents`)
	if err != nil {
		return err
	}
	defer found.Close()
	for found.Next() {
		var id []byte
		var entry int64
		if err := found.Scan(&id, &entry); err != nil {
			return err
		}
		i.open[string(id)] = openIntent{uint64(entry), true}
	}
	return found.Err()
}

func (i *intents) add(id string, entry uint64) { i.open[id] = openIntent{entry: entry} }

// take returns the intent of a call that is not open any more.
func (i *intents) take(id string) (entry uint64, ok bool) {
	o, ok := i.open[id]
	if ok {
		delete(i.open, id)
		if o.stored {
			i.closed = append(i.closed, id)
		}
	}
	return o.entry, ok
}

func (i *intents) flush(ctx context.Context) error {
	for _, id := range i.closed {
		if _, err := i.remove.ExecContext(ctx, []byte(id)); err != nil {
			return err
		}
	}
	i.closed = i.closed[:0]
	for id, o := range i.open {
		if o.stored {
			continue
		}
		if err := i.insert.add(ctx, []byte(id), int64(o.entry)); err != nil {
			return err
		}
		o.stored = true
		i.open[id] = o
	}
	return i.insert.flush(ctx)
}
