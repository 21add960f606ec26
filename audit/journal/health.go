package journal

import (
	"errors"
	"strings"
	"time"
)

// The closed set of reasons for which a journal refuses.
const (
	ReasonIOError      = "io_error"      // writing or syncing failed
	ReasonDiskFull     = "disk_full"     // the file system or the quota is full
	ReasonReserve      = "reserve"       // less is free than the reserve
	ReasonTimeout      = "timeout"       // the disk has not answered for CommitTimeout
	ReasonFileReplaced = "file_replaced" // somebody else touched the segment or the directory
	ReasonClosed       = "closed"
	ReasonOverload     = "overload" // too many lines wait for the disk
)

// Reasons returns the closed set.
func Reasons() []string {
	return []string{ReasonIOError, ReasonDiskFull, ReasonReserve, ReasonTimeout, ReasonFileReplaced, ReasonClosed, ReasonOverload}
}

// Unavailable says that the journal cannot commit now. The line was not queued
// and will not appear. A later call may succeed.
type Unavailable struct {
	Reason string // one of Reasons
}

func (u *Unavailable) Error() string { return "audit journal unavailable: " + u.Reason }

// ErrTimeout says that a line was not durable within CommitTimeout. It stays
// queued and may become durable later; if it is an intent whose call is then
// not made, an outcome is owed for it.
var ErrTimeout = errors.New("audit journal: not durable within the commit timeout")

// Health is a journal's state at one moment.
type Health struct {
	OK        bool      // Append is not refused
	Reason    string    // why it is, one of Reasons
	Since     time.Time // when that began
	FreeBytes int64     // of the file system, as last seen
	Size      uint64    // durable entries

	// Lost are ranges of entries that were durable once and that somebody else
	// has taken from the directory during this run.
	Lost []Range
}

// Range is the entries from First to Last, both included.
type Range struct{ First, Last uint64 }

// Health reports whether the journal can commit.
func (j *Journal) Health() Health {
	j.mu.Lock()
	defer j.mu.Unlock()
	h := Health{
		OK:        true,
		FreeBytes: j.free.Load(),
		Size:      j.size.Load(),
		Lost:      append([]Range(nil), j.lost...),
	}
	if h.Reason = j.refusal(); h.Reason != "" {
		h.OK = false
		switch {
		case j.closed:
			h.Since = j.closedAt
		case j.episode.active():
			h.Since = j.episode.since
		default: // overloaded, and nobody was refused yet
			h.Since = j.queue[0].start
		}
	}
	return h
}

// condition is a cause of refusals. The order is that of their weight: the
// first that holds is the reason given.
type condition uint8

const (
	condFailing  condition = iota // writing fails; Journal.failing says how
	condMoved                     // the directory is not at its path
	condStalled                   // a write or sync hangs
	condReserve                   // the disk is nearly full
	condOverload                  // the queue was full
	condCount
)

// episode is a time of refusals: from the first condition's begin to the last
// one's end.
type episode struct {
	holds   [condCount]bool
	since   time.Time
	refused uint64
	causes  []string
}

func (e *episode) active() bool {
	for _, h := range e.holds {
		if h {
			return true
		}
	}
	return false
}

// refusal returns the reason for which Append is refused, or nothing. j.mu is held.
func (j *Journal) refusal() string {
	switch {
	case j.closed:
		return ReasonClosed
	case j.episode.holds[condFailing]:
		return j.failing
	case j.episode.holds[condMoved]:
		return ReasonFileReplaced
	case j.episode.holds[condStalled]:
		return ReasonTimeout
	case j.episode.holds[condReserve]:
		return ReasonReserve
	case j.queued >= MaxQueuedBytes/2:
		return ReasonOverload
	}
	return ""
}

// begin notes that a condition holds from now on. j.mu is held.
func (j *Journal) begin(c condition, cause string) {
	e := &j.episode
	if !e.active() {
		*e = episode{since: time.Now()}
	}
	// A disk that fails in several ways says so once each, in the order of
	// appearance; what it says a hundred times over is worth one mention.
	if !strings.Contains(strings.Join(e.causes, "; "), cause) && len(e.causes) < 8 {
		e.causes = append(e.causes, cause)
	}
	e.holds[c] = true
}

// end notes that a condition holds no longer, and records the episode when it
// was the last. j.mu is held.
func (j *Journal) end(c condition) {
	e := &j.episode
	if !e.holds[c] {
		return
	}
	e.holds[c] = false
	if e.active() {
		return
	}
	detail := strings.Join(e.causes, "; ")
	j.log.Warn("audit journal commits again", "after", time.Since(e.since), "refused", e.refused, "cause", detail)
	j.enqueueSystem("recovered", e.refused, detail)
	*e = episode{}
}
