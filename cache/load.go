package cache

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
)

// ErrClosed is the error of a load that was asked for after Close. A load that was
// under way has its context cancelled with it as the cause.
var ErrClosed = errors.New("cache is closed")

var (
	errExited   = errors.New("load ended its goroutine")
	errNoAnswer = errors.New("load brought neither an entry nor an error")
)

// PanicError is the error of a load that panicked.
type PanicError struct {
	Value any
	Stack []byte
}

func (e *PanicError) Error() string { return fmt.Sprintf("load panicked: %v", e.Value) }

// load is one run of a fill function, and what it brought to all who wait.
type load struct {
	key    Key
	purged bool // guarded by Cache.write

	done   chan struct{} // closed when what follows is there
	filled Filled
	err    error
}

// loads are those under way that others may join.
type loads struct {
	context context.Context // of all loads
	cancel  context.CancelCauseFunc
	running sync.WaitGroup

	mu     sync.Mutex // guards what follows
	byKey  map[Key]*load
	closed bool
}

func (ls *loads) init() {
	ls.context, ls.cancel = context.WithCancelCause(context.Background())
	ls.byKey = make(map[Key]*load)
}

// Load returns what fill brings for k, and stores it if fill says so. If a load of
// k is under way already, Load waits for that one instead and shared is true;
// nobody may change an entry that is shared.
//
// fill runs once for all who wait, in a goroutine of its own, with the values of
// ctx but neither its cancellation nor its deadline: it ends by
// [Config.LoadTimeout] or with the cache, and must return soon after its context
// does. A panic in it is everybody's [*PanicError].
//
// When ctx is done, Load returns with its error. The fill goes on, for those who
// still wait and for the cache; if the caller lent it memory, the caller must not
// leave before.
func (c *Cache) Load(ctx context.Context, k Key, fill func(context.Context) (Filled, error)) (filled Filled, shared bool, err error) {
	if ctx.Err() != nil {
		return Filled{}, false, context.Cause(ctx)
	}
	l, first, err := c.loads.join(k, func(l *load) { c.run(ctx, l, fill) })
	if err != nil {
		return Filled{}, false, err
	}
	if !first {
		c.config.Observer.Filled(FillCollapsed)
	}
	select {
	case <-l.done:
		return l.filled, !first, l.err
	case <-ctx.Done():
		return Filled{}, !first, context.Cause(ctx)
	}
}

// join returns the load under way for k, or starts one.
func (ls *loads) join(k Key, run func(*load)) (l *load, first bool, err error) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.closed {
		return nil, false, ErrClosed
	}
	if l := ls.byKey[k]; l != nil {
		return l, false, nil
	}
	l = &load{key: k, done: make(chan struct{})}
	ls.byKey[k] = l
	ls.running.Go(func() { run(l) })
	return l, true, nil
}

// run is the goroutine of a load.
func (c *Cache) run(caller context.Context, l *load, fill func(context.Context) (Filled, error)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(caller), c.config.LoadTimeout)
	defer cancel()
	ctx, cancelCause := context.WithCancelCause(ctx)
	defer context.AfterFunc(c.loads.context, func() { cancelCause(ErrClosed) })()

	result, finished := FillError, false
	defer func() {
		if !finished {
			// fill panicked, or called runtime.Goexit as a failing test does.
			l.filled, l.err = Filled{}, errExited
			if p := recover(); p != nil {
				l.err = &PanicError{Value: p, Stack: debug.Stack()}
			}
		}
		c.config.Observer.Filled(result)
		c.loads.leave(l)
		close(l.done)
	}()

	l.filled, l.err = fill(ctx)
	switch {
	case l.err != nil:
		l.filled = Filled{}
	case l.filled.Entry == nil:
		l.filled, l.err = Filled{}, errNoAnswer
	case !l.filled.Store:
		result = FillNotStored
	default:
		var stored *Entry
		stored, result = c.store(l, l.filled.Entry)
		if l.filled.Store = stored != nil; l.filled.Store {
			l.filled.Entry = stored
		}
	}
	finished = true
}

// leave ends a load: who comes now starts another.
func (ls *loads) leave(l *load) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.byKey[l.key] == l {
		delete(ls.byKey, l.key)
	}
}

// purge keeps the loads that match from being stored, and from being joined by
// those who come now. It is called with Cache.write held.
func (ls *loads) purge(match func(*Key) bool) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for k, l := range ls.byKey {
		if match(&k) {
			l.purged = true
			delete(ls.byKey, k)
		}
	}
}

// close cancels the loads under way and waits for them.
func (ls *loads) close() {
	ls.mu.Lock()
	ls.closed = true
	ls.mu.Unlock()
	ls.cancel(ErrClosed)
	ls.running.Wait()
}
