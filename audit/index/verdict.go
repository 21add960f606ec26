package index

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
)

// attemptState is the newest verdict on one attempt of a call.
type attemptState struct {
	attempt int
	state   int64  // a name
	entry   uint64 // of the verdict
}

// callState is what verdicts have said about a call so far.
type callState struct {
	// waiting: no outcome of the call is indexed yet.
	waiting  bool
	attempts []attemptState // by attempt
}

// set takes in a verdict, and returns the one that it supersedes.
func (c *callState) set(v attemptState) (old attemptState, superseded bool) {
	at, found := slices.BinarySearchFunc(c.attempts, v.attempt, func(a attemptState, n int) int { return cmp.Compare(a.attempt, n) })
	if found {
		old, c.attempts[at] = c.attempts[at], v
		return old, true
	}
	c.attempts = slices.Insert(c.attempts, at, v)
	return old, false
}

// shown is the state of the last attempt, which decided the call's answer; 0 is
// none.
func (c *callState) shown() int64 {
	if len(c.attempts) == 0 {
		return 0
	}
	return c.attempts[len(c.attempts)-1].state
}

// states returns each state that an attempt is in, once.
func (c *callState) states() []int64 {
	var list []int64
	for _, a := range c.attempts {
		if !slices.Contains(list, a.state) {
			list = append(list, a.state)
		}
	}
	return list
}

func (c *callState) appendTo(dst []byte) []byte {
	dst = append(dst, 0)
	if c.waiting {
		dst[len(dst)-1] = 1
	}
	for _, a := range c.attempts {
		dst = binary.AppendVarint(dst, int64(a.attempt))
		dst = binary.AppendVarint(dst, a.state)
		dst = binary.AppendUvarint(dst, a.entry)
	}
	return dst
}

func decodeCallState(b []byte) (c callState, err error) {
	if len(b) == 0 || b[0] > 1 {
		return c, damagedf("malformed verdict")
	}
	c.waiting = b[0] == 1
	for b = b[1:]; len(b) > 0; {
		attempt, n := binary.Varint(b)
		state, m := binary.Varint(b[max(n, 0):])
		entry, o := binary.Uvarint(b[max(n, 0)+max(m, 0):])
		if n <= 0 || m <= 0 || o <= 0 {
			return c, damagedf("verdict ends early")
		}
		c.attempts = append(c.attempts, attemptState{int(attempt), state, entry})
		b = b[n+m+o:]
	}
	return c, nil
}

// verdicts are the states of calls, as the writer keeps them.
type verdicts struct {
	pending map[string]*callState // by idKey, of this transaction
	dirty   []string
	// waiting counts the calls in the database that have verdicts and no outcome:
	// while there are none, which is nearly always, an outcome need not be looked
	// up.
	waiting int64
	find    *sql.Stmt
	insert  *inserter
}

func newVerdicts(ctx context.Context, c *session) (v *verdicts, err error) {
	v = &verdicts{pending: map[string]*callState{}}
	if v.find, err = c.PrepareContext(ctx, `SELECT states FROM verdicts WHERE id = ?`); err != nil {
		return nil, err
	}
	v.insert, err = newInserter(ctx, c, `INSERT OR REPLACE INTO verdicts (id, states)`, 2, "")
	return v, err
}

func (v *verdicts) reset(waiting int64) {
	clear(v.pending)
	v.dirty = v.dirty[:0]
	v.insert.reset()
	v.waiting = waiting
}

// load returns the state of a call, or nil if there is none.
func (v *verdicts) load(ctx context.Context, id string) (*callState, error) {
	if s := v.pending[id]; s != nil {
		return s, nil
	}
	var b []byte
	err := v.find.QueryRowContext(ctx, []byte(id)).Scan(&b)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s, err := decodeCallState(b)
	if err != nil {
		return nil, err
	}
	v.pending[id] = &s
	return &s, nil
}

// known returns the state of a call that a line of the call has just come for.
func (v *verdicts) known(ctx context.Context, id string) (*callState, error) {
	if v.waiting == 0 && len(v.pending) == 0 {
		return nil, nil
	}
	if v.waiting == 0 {
		return v.pending[id], nil
	}
	return v.load(ctx, id)
}

func (v *verdicts) changed(id string, s *callState) {
	v.pending[id] = s
	v.dirty = append(v.dirty, id)
}

func (v *verdicts) flush(ctx context.Context) error {
	slices.Sort(v.dirty)
	for _, id := range slices.Compact(v.dirty) {
		if err := v.insert.add(ctx, []byte(id), v.pending[id].appendTo(nil)); err != nil {
			return err
		}
	}
	v.dirty = v.dirty[:0]
	clear(v.pending)
	return v.insert.flush(ctx)
}
