package ledger

import "time"

// CopyHealth is how one sink of checkpoints does. One that does badly holds up
// neither the log nor the others.
type CopyHealth struct {
	Name   string
	OK     bool
	Reason string    // why not: the newest error
	Since  time.Time // when it stopped taking copies

	Delivered time.Time // when it took the newest copy that it has; zero if it took none in this run
	Waiting   time.Time // since when there is one that it has not taken; zero if there is none
}

// Copies tells how the sinks do, in the order of [Config].
func (l *Ledger) Copies() []CopyHealth {
	list := make([]CopyHealth, len(l.sinks))
	for i, q := range l.sinks {
		q.mu.Lock()
		list[i] = q.health
		q.mu.Unlock()
	}
	return list
}

func (q *sinkQueue) failed(err error) {
	q.mu.Lock()
	before := q.health.OK
	if before {
		q.health.OK, q.health.Since = false, time.Now()
	}
	q.health.Reason = err.Error()
	q.mu.Unlock()
	if before {
		q.log.Error("audit ledger: copy of the checkpoint not delivered", "error", err)
	}
}

func (q *sinkQueue) delivered() {
	q.mu.Lock()
	before := q.health.OK
	now := time.Now()
	q.health = CopyHealth{Name: q.health.Name, OK: true, Delivered: now}
	if q.next != nil {
		q.health.Waiting = now // a newer one has come meanwhile
	}
	q.mu.Unlock()
	if !before {
		q.log.Info("audit ledger: copies of the checkpoint are delivered again")
	}
}
