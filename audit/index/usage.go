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

// usageOrder is a column of uses, how pages go along it, and where the first begins.
type usageOrder struct {
	column, clause string
	start          uint64
}

func newestUseFirst() usageOrder {
	return usageOrder{"u.last", `u.field = ? AND u.last < ? ORDER BY u.last DESC`, math.MaxInt64}
}

// oldestNameFirst keeps SQLite from sorting: in this order the table stands.
func oldestNameFirst() usageOrder {
	return usageOrder{"u.name", `+u.field = ? AND u.name > ? ORDER BY u.name`, 0}
}

// Connections returns the connections that were asked for, the one asked for
// last first. Cursor and limit are as with Query. One that is asked for between
// two pages is on the first from then on: who has seen that misses it.
func (r *Reader) Connections(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldConnection, newestUseFirst(), cursor, limit)
}

// EveryConnection is Connections in an order that use does not change, that in
// which they appeared: pages together have each of them once.
func (r *Reader) EveryConnection(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldConnection, oldestNameFirst(), cursor, limit)
}

// Callers returns the principals and their keys, the one used last first; as
// Connections.
func (r *Reader) Callers(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldCaller, newestUseFirst(), cursor, limit)
}

// EveryCaller is Callers in the order of EveryConnection.
func (r *Reader) EveryCaller(ctx context.Context, cursor string, limit int) ([]Usage, string, error) {
	return r.usage(ctx, fieldCaller, oldestNameFirst(), cursor, limit)
}

// setName says whose usage it is.
func (u *Usage) setName(f field, text string) (err error) {
	if f == fieldConnection {
		u.ConnectionID = text
		return nil
	}
	u.Principal, u.AccessKeyID, err = parseCallerText(text)
	return err
}

func (r *Reader) usage(ctx context.Context, f field, order usageOrder, cursor string, limit int) (list []Usage, next string, err error) {
	from := order.start
	if cursor != "" {
		if from, err = parseCursor(cursor); err != nil {
			return nil, "", fmt.Errorf("list %s: %w", usageName(f), err)
		}
	}
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	err = r.view(ctx, func(v *view) error {
		found, err := v.tx.QueryContext(ctx, `SELECT `+order.column+`, n.text, u.first, u.last, u.calls, u.refused
			FROM uses u JOIN names n ON n.id = u.name
			WHERE `+order.clause+` LIMIT ?`,
			int64(f), int64(min(from, math.MaxInt64)), limit+1)
		if err != nil {
			return err
		}
		defer found.Close()
		place := uint64(0)
		for found.Next() {
			if len(list) == limit {
				next = encodeCursor(place)
				break
			}
			var u Usage
			var text []byte
			if err := found.Scan(&place, &text, &u.First, &u.LastIndex, &u.Calls, &u.Refused); err != nil {
				return err
			}
			if err := u.setName(f, string(text)); err != nil {
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
