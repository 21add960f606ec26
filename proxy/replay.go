package proxy

import (
	"encoding/binary"
	"sync"
	"time"
)

// Signatures are remembered for as long as one could be presented again: twice the widest clock window, once to each side.
const (
	replayWindow = 2 * 15 * time.Minute
	replayShards = 16

	// replayEntries bounds a shard's generation: 16 shards of two generations take about 20 MiB when full. A busier proxy forgets reads
	// sooner than the window, which costs the mark in the audit event and nothing else.
	replayEntries = 32 << 10
)

// replays remembers the signatures that were verified. A repeated signature proves nothing by itself: a CLI signs the same call in the
// same second alike. So a read that repeats is answered and marked, and a write is refused only when the first one succeeded.
type replays struct {
	reads  replayShardSet
	writes replayShardSet
}

type replayShardSet [replayShards]replayShard

type replayShard struct {
	mu      sync.Mutex // guards the rest
	current map[uint64]struct{}
	older   map[uint64]struct{}
	turned  time.Time // when current was begun
}

// seen reports whether the signature was there and, if not, adds it.
func (s *replayShardSet) seen(signature *[32]byte, now time.Time) bool {
	return s.shard(signature).look(signature, now, true)
}

// has reports whether the signature is there.
func (s *replayShardSet) has(signature *[32]byte, now time.Time) bool {
	return s.shard(signature).look(signature, now, false)
}

func (s *replayShardSet) shard(signature *[32]byte) *replayShard {
	return &s[signature[0]%replayShards]
}

// look uses eight bytes of the signature as they are: an HMAC is as good as random, and a verified one is nothing a caller can choose.
func (s *replayShard) look(signature *[32]byte, now time.Time, add bool) bool {
	key := binary.LittleEndian.Uint64(signature[8:16])
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.current == nil || now.Sub(s.turned) > replayWindow || len(s.current) >= replayEntries {
		s.older, s.current, s.turned = s.current, make(map[uint64]struct{}), now
	}
	if _, ok := s.current[key]; ok {
		return true
	}
	if _, ok := s.older[key]; ok {
		return true
	}
	if add {
		s.current[key] = struct{}{}
	}
	return false
}
