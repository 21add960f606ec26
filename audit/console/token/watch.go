package token

import (
	"context"
	"os"
	"time"
)

// pollInterval is how long a replaced file may go unnoticed. A poll is one stat;
// notifications would also have to follow every directory on the way to a file
// that a symbolic link leads to, and miss changes made on another host.
const pollInterval = 100 * time.Millisecond

// Run follows the file until ctx is done. One Run at a time is enough.
func (s *Store) Run(ctx context.Context) {
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.poll()
		}
	}
}

// poll reloads the file if it may have changed.
func (s *Store) poll() {
	s.reload.Lock()
	defer s.reload.Unlock()
	if info, err := os.Stat(s.path); err == nil {
		if seen := fingerprintOf(info); seen == s.seen && seen.settled(time.Now()) {
			return
		}
	}
	_ = s.read(false) // what is wrong is logged and in the status
}
