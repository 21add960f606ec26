package index

import (
	"context"
	"database/sql"
	"errors"
	"strconv"
	"strings"
)

// cachedNames bounds the writer's memory of values. It is emptied when it is
// full: what is in use comes back soon.
const cachedNames = 1 << 17

// value is a value that the writer has met lately.
type value struct {
	name int64
	// set is where the value's entries of the newest chunk go, if generation is
	// that of the sets.
	set        *postingSet
	generation int
}

// namer numbers values, as the writer meets them.
type namer struct {
	cache    [fieldCount]map[string]*value
	cached   int
	byID     map[int64]string // of states only
	next     int64
	find     *sql.Stmt
	insert   *sql.Stmt
	addWords *sql.Stmt
	findText *sql.Stmt
}

func newNamer(ctx context.Context, c *session) (n *namer, err error) {
	n = &namer{}
	for _, p := range []struct {
		to  **sql.Stmt
		sql string
	}{
		{&n.find, `SELECT id FROM names WHERE field = ? AND text = ?`},
		{&n.findText, `SELECT text FROM names WHERE id = ?`},
		{&n.insert, `INSERT INTO names (id, field, text) VALUES (?, ?, ?)`},
		{&n.addWords, `INSERT INTO words (rowid, text) VALUES (?, ?)`},
	} {
		if *p.to, err = c.PrepareContext(ctx, p.sql); err != nil {
			return nil, err
		}
	}
	return n, n.load(ctx, c)
}

// load forgets what is not in the database.
func (n *namer) load(ctx context.Context, c *session) error {
	n.forget()
	n.byID = map[int64]string{}
	err := c.QueryRowContext(ctx, `SELECT coalesce(max(id), 0) + 1 FROM names`).Scan(&n.next)
	return err
}

func (n *namer) forget() {
	n.cached = 0
	for f := range n.cache {
		n.cache[f] = map[string]*value{}
	}
}

// id returns the number of a value, and gives it one if it has none.
func (n *namer) id(ctx context.Context, f field, text string) (int64, error) {
	v, err := n.value(ctx, f, text)
	if err != nil {
		return 0, err
	}
	return v.name, nil
}

func (n *namer) value(ctx context.Context, f field, text string) (*value, error) {
	if v := n.cache[f][text]; v != nil {
		return v, nil
	}
	var id int64
	err := n.find.QueryRowContext(ctx, int64(f), []byte(text)).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		id, err = n.add(ctx, f, text)
	}
	if err != nil {
		return nil, err
	}
	if n.cached++; n.cached > cachedNames {
		n.forget()
	}
	v := &value{name: id}
	// A clone, because text is part of a whole line.
	n.cache[f][strings.Clone(text)] = v
	return v, nil
}

func (n *namer) add(ctx context.Context, f field, text string) (int64, error) {
	id := n.next
	if _, err := n.insert.ExecContext(ctx, id, int64(f), []byte(text)); err != nil {
		return 0, err
	}
	if f.isText() {
		if _, err := n.addWords.ExecContext(ctx, id, indexedText(text)); err != nil {
			return 0, err
		}
	}
	n.next++
	return id, nil
}

// callerText is the value that stands for a principal and one of its keys.
func callerText(principal, key string) string {
	return strconv.Itoa(len(principal)) + ":" + principal + key
}

func parseCallerText(text string) (principal, key string, err error) {
	digits, rest, ok := strings.Cut(text, ":")
	n, bad := strconv.Atoi(digits)
	if !ok || bad != nil || n < 0 || n > len(rest) {
		return "", "", damagedf("malformed caller")
	}
	return rest[:n], rest[n:], nil
}
