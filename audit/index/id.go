package index

import (
	"encoding/hex"
	"strings"
)

// idRole says what an id is to the entry that has it. Roles are stored: new ones
// go to the end. Those of a call's own lines come first, so that one range of
// the table has them all.
type idRole int64

const (
	roleOutcome     idRole = iota // the event's own id, by kind
	roleIntent                    //
	roleOther                     //
	roleOf                        // the event that this one is about
	roleRequest                   // of an attempt
	roleFillRequest               // of the call that filled the cache
	roleFillEvent                 //
	roleCloudTrail                // CloudTrail's event id
)

// Ids that are random are kept in runs of chunks, about a quarter of a million
// entries: inserting them all over a large table would cost a page each. Those
// that gatepost makes itself begin with the time, and stand in one run, 0.
const idRunBits = 4

func (r idRole) run(chunk int64) int64 {
	switch r {
	case roleRequest, roleFillRequest, roleCloudTrail:
		return 1 + chunk>>idRunBits
	}
	return 0
}

const placeRoleShift = 32

// idPlace packs role and chunk into the second half of the table's key.
func idPlace(role idRole, chunk int64) int64 { return int64(role)<<placeRoleShift | chunk }

func chunkOfPlace(p int64) int64 { return p & (1<<placeRoleShift - 1) }

const (
	uuidTag = '\x00' // followed by 16 bytes
	textTag = '\x01' // followed by the id as it stands
	uuidLen = 36
)

// idKey is an id as the table has it: a canonical UUID as its bytes, which is
// what nearly all ids are, anything else as text. Different ids have different
// keys.
func idKey(id string) string { return string(appendIDKey(nil, id)) }

func appendIDKey(dst []byte, id string) []byte {
	if len(id) == uuidLen {
		if key, ok := appendUUIDPrefix(append(dst, uuidTag), id); ok {
			return key
		}
	}
	return append(append(dst, textTag), id...)
}

// appendUUIDPrefix decodes the beginning of a canonical UUID, lower case and
// with its hyphens. An odd number of digits leaves the last one out.
func appendUUIDPrefix(dst []byte, s string) ([]byte, bool) {
	if len(s) > uuidLen {
		return dst, false
	}
	var digits [32]byte
	n := 0
	for i := range len(s) {
		c := s[i]
		switch {
		case i == 8 || i == 13 || i == 18 || i == 23:
			if c != '-' {
				return dst, false
			}
		case '0' <= c && c <= '9' || 'a' <= c && c <= 'f':
			digits[n] = c
			n++
		default:
			return dst, false
		}
	}
	dst, err := hex.AppendDecode(dst, digits[:n&^1])
	return dst, err == nil
}

// idRange is a range of keys, from low to before high.
type idRange struct{ low, high string }

// idRanges returns where the ids are that begin with prefix. The ranges may
// hold a few others besides.
func idRanges(prefix string) []idRange {
	text := string(textTag) + prefix
	list := []idRange{{text, successor(text)}}
	if uuid, ok := appendUUIDPrefix([]byte{uuidTag}, lowerASCII(prefix)); ok {
		list = append(list, idRange{string(uuid), successor(string(uuid))})
	}
	return list
}

// successor returns the first string after all those that begin with s, which
// has a byte below 0xff: each key begins with a tag.
func successor(s string) string {
	b := []byte(s)
	for b[len(b)-1] == 0xff {
		b = b[:len(b)-1]
	}
	b[len(b)-1]++
	return string(b)
}

// hasIDPrefix reports whether id begins with prefix. Case matters only in ids
// that are not UUIDs.
func hasIDPrefix(id, prefix string) bool {
	if idKey(id)[0] == uuidTag {
		prefix = lowerASCII(prefix)
	}
	return strings.HasPrefix(id, prefix)
}

func lowerASCII(s string) string {
	for i := range len(s) {
		if 'A' <= s[i] && s[i] <= 'Z' {
			b := []byte(s)
			for i, c := range b {
				b[i] = lower(c)
			}
			return string(b)
		}
	}
	return s
}
