package keyring

import (
	"context"
	"os"
	"time"
)

// pollInterval is how long a replaced file may go unnoticed. A poll is one stat;
// notifications would also have to follow every directory on the way to a file
// that a symbolic link leads to, and miss changes made on another host.
const pollInterval = 100 * time.Millisecond

// deriveAhead is more than any clock skew that is accepted, so that a caller whose
// clock is ahead finds its day's signing keys made.
const deriveAhead = 30 * time.Minute

// Run follows the file until ctx is done. One Run at a time is enough.
func (r *Ring) Run(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	ahead := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		r.poll()
		if day := r.now().Add(deriveAhead); day.UTC().Format(dateLayout) != ahead {
			ahead = day.UTC().Format(dateLayout)
			r.derive(r.keys.Load(), day)
		}
	}
}

// poll reloads the file if it may have changed.
func (r *Ring) poll() {
	r.reload.Lock()
	defer r.reload.Unlock()
	if info, err := os.Stat(r.path); err == nil {
		if seen := fingerprintOf(info); seen == r.seen && seen.settled(time.Now()) {
			return
		}
	}
	_ = r.read(false) // what is wrong is logged and in the status
}
