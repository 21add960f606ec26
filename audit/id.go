package audit

import (
	"crypto/rand"
	"encoding/binary"
	"time"

	"github.com/google/uuid"
)

// NewID returns a UUIDv7 (RFC 9562) for an event of time now. Ids sort by time
// down to a quarter of a microsecond; the other 62 bits are random.
func NewID(now time.Time) string {
	var u uuid.UUID
	_, _ = rand.Read(u[8:]) // documented never to return an error
	ms := uint64(now.UnixMilli())
	binary.BigEndian.PutUint64(u[:8], ms<<16)
	fraction := uint16(uint64(now.Nanosecond()%1e6) << 12 / 1e6)
	binary.BigEndian.PutUint16(u[6:8], 7<<12|fraction)
	u[8] = u[8]&0x3f | 0x80
	return u.String()
}
