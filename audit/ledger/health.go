package ledger

import (
	"errors"
	"time"
)

// Health is a ledger's state at one moment.
type Health struct {
	OK     bool
	Reason string    // why not: one of Steps, or a Reason to refuse
	Detail string    // the error
	Since  time.Time // when that began

	Size   uint64    // entries that the newest checkpoint covers
	Signed time.Time // when that was made; zero while it is the empty log's
}

// fail notes what is wrong, and since when something is.
func (h *Health) fail(reason string, err error) {
	if h.OK {
		h.Since = time.Now()
	}
	h.OK, h.Reason, h.Detail = false, reason, err.Error()
}

// Health reports whether the ledger keeps up, and has all its tiles.
func (l *Ledger) Health() Health {
	l.mu.Lock()
	defer l.mu.Unlock()
	h := l.health
	if h.OK {
		h = l.unmended
	}
	h.Size = l.published.Size
	h.Signed = l.signedAt
	return h
}

// failure is what went wrong in the last step.
type failure struct {
	step  string
	count int // in a row
}

// note keeps what became of a step for Health and the observer.
func (l *Ledger) note(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		if l.failure.count > 0 {
			l.log.Info("audit ledger: signs again", "after", time.Since(l.health.Since))
		}
		l.failure = failure{}
		l.health = Health{OK: true}
		return
	}
	step := l.at
	if refused, ok := errors.AsType[*RefusedError](err); ok {
		step = string(refused.Reason)
		l.refusal, l.ended = refused, refused
	} else {
		l.cfg.Observer.Failed(step)
	}
	if l.failure.step != step {
		l.log.Error("audit ledger: nothing is signed", "step", step, "error", err)
	}
	l.failure.step = step
	l.failure.count++
	l.health.fail(step, err)
	l.wake()
}

// noteMending keeps what became of rebuilding tiles.
func (l *Ledger) noteMending(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.unmended = Health{OK: true}
		return
	}
	l.unmended.fail(StepTiles, err)
}
