package index

import (
	"context"
	"errors"
	"fmt"
	"math"
)

// Usage is how a connection or a caller has been used, by outcomes.
type Usage struct {
	ConnectionID string // of a connection

	Principal   string // of a caller: empty if it was not authenticated
	AccessKeyID string // the key, as it was claimed

	Calls, Refused uint64
	First          uint64 // index of the first outcome
	// Last is the newest outcome: who asked, when and from where. It is nil if the
	// log does not have it any more, or cannot show it.
	Last      *Entry
	LastIndex uint64
}

// Connections returns the connections that were asked for, the one asked for
// last first. Cursor and limit are as with Query; a connection that is used
// between two pages may be on both.
func (r *Reader) Connections(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldConnection, cursor, limit, func(u *Usage, text string) error {
		u.ConnectionID = text
		return nil
	})
}

// Callers returns the principals and their keys, the one used last first; as
// Connections.
func (r *Reader) Callers(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldCaller, cursor, limit, func(u *Usage, text string) (err error) {
		u.Principal, u.AccessKeyID, err = parseCallerText(text)
		return err
	})
}

func (r *Reader) usage(ctx context.Context, f field, cursor string, limit int, name func(*Usage, string) error) (list []Usage, next string, err error) {
	before := uint64(math.MaxInt64)
	if cursor != "" {
		if before, err = parseCursor(cursor); err != nil {
			return nil, "", fmt.Errorf("list %s: %w", usageName(f), err)
		}
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	err = r.view(ctx, func(v *view) error {
		found, err := v.tx.QueryContext(ctx, `SELECT n.text, u.first, u.last, u.calls, u.refused
			FROM uses u JOIN names n ON n.id = u.name
			WHERE u.field = ? AND u.last < ? ORDER BY u.last DESC LIMIT ?`,
			int64(f), int64(min(before, math.MaxInt64)), limit+1)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var u Usage
			var text []byte
			if err := found.Scan(&text, &u.First, &u.LastIndex, &u.Calls, &u.Refused); err != nil {
				return err
			}
			if len(list) == limit {
				next = encodeCursor(list[limit-1].LastIndex)
				break
			}
			if err := name(&u, string(text)); err != nil {
				return err
			}
			list = append(list, u)
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			return err
		}
		for i := range list {
			e, err := v.entry(ctx, list[i].LastIndex)
			if _, unreadable := errors.AsType[*unreadableError](err); unreadable || errors.Is(err, errGone) {
				continue
			}
			if err == nil {
				err = v.state(ctx, &e)
			}
			if err != nil {
				return err
			}
			list[i].Last = &e
		}
		return nil
	})
	if err != nil {
		return nil, "", fmt.Errorf("list %s: %w", usageName(f), err)
	}
	return list, next, nil
}

func usageName(f field) string {
	if f == fieldConnection {
		return "connections"
	}
	return "callers"
}
