package livefile

import (
	"context"
	"fmt"
	"os"
	"syscall"
	"time"
)

// lockRetry is how long an editor waits before it asks for the lock again; edits
// take milliseconds.
const lockRetry = 20 * time.Millisecond

// lock holds an exclusive lock on a file that it makes if needed. The file is
// never removed: an editor that waits for it would then hold a lock on nothing.
func lock(ctx context.Context, path string) (unlock func(), err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|syscall.O_NOFOLLOW, 0o600)
	if err != nil {
		return nil, err
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { f.Close() }, nil // which unlocks
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			f.Close()
			return nil, fmt.Errorf("lock %s: %w", path, err)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, fmt.Errorf("wait for another editor's lock %s: %w", path, context.Cause(ctx))
		case <-time.After(lockRetry):
		}
	}
}
