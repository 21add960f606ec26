package index

import (
	"context"

	"github.com/gatepost-proxy/gatepost/audit"
)

// addCall takes in a line of a call: its state is what verdicts have said before
// the line came, or what the line implies.
func (w *writer) addCall(ctx context.Context, index uint64, e *audit.Event) error {
	micros := e.Time.UnixMicro()
	if e.Kind == audit.KindOutcome {
		if err := w.tally(ctx, index, micros, e); err != nil {
			return err
		}
	}
	id := idKey(e.ID)
	state, err := w.verdicts.known(ctx, id)
	if err != nil {
		return err
	}
	var shown int64
	if state == nil {
		if shown, err = w.post(ctx, fieldState, ImpliedState(e), index); err != nil {
			return err
		}
	} else {
		shown = state.shown()
		for _, name := range state.states() {
			if err := w.mark(ctx, name, index); err != nil {
				return err
			}
		}
	}
	if e.Kind == audit.KindIntent {
		if e.ID != "" {
			w.intents.add(id, index)
		}
		return nil
	}
	w.tallies.count(micros, shown, 1)
	if intent, open := w.intents.take(id); open && state == nil {
		if err := w.follow(ctx, intent, ImpliedState(e)); err != nil {
			return err
		}
	}
	if state != nil && state.waiting {
		state.waiting = false
		w.verdicts.waiting--
		w.verdicts.changed(id, state)
	}
	return nil
}

// follow gives an intent the state that its outcome implies.
func (w *writer) follow(ctx context.Context, intent uint64, state string) error {
	if state == statePending {
		return nil // as it was
	}
	if _, err := w.unimply(ctx, intent); err != nil {
		return err
	}
	name, err := w.names.id(ctx, fieldState, state)
	if err != nil {
		return err
	}
	return w.mark(ctx, name, intent)
}

// unimply takes a line of a call out of the state that it implied, and returns
// that, or 0.
func (w *writer) unimply(ctx context.Context, index uint64) (name int64, err error) {
	for _, state := range impliedStates() {
		if name, err = w.names.id(ctx, fieldState, state); err != nil {
			return 0, err
		}
		was, err := w.unmark(ctx, name, index)
		if err != nil || was {
			return name, err
		}
	}
	return 0, nil
}

// addVerdict moves the lines of a call from the rows of one state to those of
// another.
func (w *writer) addVerdict(ctx context.Context, index uint64, e *audit.Event) error {
	if e.Of == "" {
		return nil
	}
	id := idKey(e.Of)
	name, err := w.names.id(ctx, fieldState, e.State)
	if err != nil {
		return err
	}
	outcomes, intents, err := w.sets.callRows(ctx, id)
	if err != nil {
		return err
	}
	state, err := w.verdicts.load(ctx, id)
	if err != nil {
		return err
	}
	first := state == nil
	if first {
		state = &callState{waiting: len(outcomes) == 0}
		if state.waiting {
			w.verdicts.waiting++
		}
	}
	before, shown := state.states(), state.shown()
	old, superseded := state.set(attemptState{e.OfAttempt, name, index})
	w.verdicts.changed(id, state)
	if superseded {
		if err := w.retire(ctx, old.entry); err != nil {
			return err
		}
	}
	if err := w.addFinding(ctx, index, e); err != nil {
		return err
	}
	after := state.states()
	for i, line := range append(outcomes, intents...) {
		was := shown
		if first {
			if was, err = w.unimply(ctx, line); err != nil {
				return err
			}
		}
		for _, name := range without(before, after) {
			if _, err := w.unmark(ctx, name, line); err != nil {
				return err
			}
		}
		for _, name := range without(after, before) {
			if err := w.mark(ctx, name, line); err != nil {
				return err
			}
		}
		if i < len(outcomes) && was != state.shown() {
			at, err := w.places.find(ctx, line)
			if err != nil {
				return err
			}
			if was != 0 {
				w.tallies.count(at.micros, was, -1)
			}
			w.tallies.count(at.micros, state.shown(), 1)
		}
	}
	return nil
}
