package correlate

import (
	"crypto/sha256"
	"encoding/hex"
)

// key is an id in sixteen bytes: of a call, of a request to AWS, of a record. A
// UUID, which they all are, is its own key; the key of another text is a hash of
// it, in the range of UUIDs that RFC 9562 has reserved, so that the two never
// meet. The zero key is no id.
type key [16]byte

const (
	variantByte = 8
	reserved    = 0xe0 // of the variant byte
)

// keyOf returns the key of an id, the zero key of none.
func keyOf(id string) key {
	if id == "" {
		return key{}
	}
	if k, ok := parseKey(id); ok && k[variantByte]&reserved != reserved && k != (key{}) {
		return k
	}
	sum := sha256.Sum256([]byte(id))
	k := key(sum[:16])
	k[variantByte] |= reserved
	return k
}

// isUUID tells a key that is its id's bytes from a hash.
func (k key) isUUID() bool { return k[variantByte]&reserved != reserved }

// String is the id itself if that was a UUID. [parseKey] reads it back.
func (k key) String() string {
	var b [36]byte
	hex.Encode(b[0:8], k[0:4])
	hex.Encode(b[9:13], k[4:6])
	hex.Encode(b[14:18], k[6:8])
	hex.Encode(b[19:23], k[8:10])
	hex.Encode(b[24:36], k[10:16])
	b[8], b[13], b[18], b[23] = '-', '-', '-', '-'
	return string(b[:])
}

// parseKey accepts the text form of a UUID in lower case, and no other: two texts
// must not have one key.
func parseKey(s string) (k key, ok bool) {
	if len(s) != 36 || s[8] != '-' || s[13] != '-' || s[18] != '-' || s[23] != '-' {
		return key{}, false
	}
	at := 0
	for i := range k {
		if s[at] == '-' {
			at++
		}
		high, low := nibble(s[at]), nibble(s[at+1])
		if high > 15 || low > 15 {
			return key{}, false
		}
		k[i] = high<<4 | low
		at += 2
	}
	return k, true
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}
