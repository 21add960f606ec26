package keyring

import (
	"errors"
	"fmt"
	"strings"
)

// maxGlob is the longest pattern, that of the longest ConnectionId.
const maxGlob = 1024

// globWords holds the states of the longest pattern: one for each of its
// characters, and the one before the first.
const globWords = maxGlob/64 + 1

// glob is a pattern over a ConnectionId: '*' matches any run of characters, '/'
// and the empty run included, '?' exactly one, any other character itself.
//
// It is an automaton whose state i says that the first i characters of the
// pattern, stars not counted, have matched what was read. All states are kept as
// bits and advanced together, so that the time is linear in the id and there is
// nothing to backtrack into, whatever the pattern.
type glob struct {
	// steps[row[c]] are the states that the byte c leads on from. Row 0 is that of
	// the bytes that the pattern does not name: those in front of a '?'.
	steps [][]uint64
	row   [256]uint8
	// stays are the states in front of a star, which every byte stays in.
	stays []uint64
	last  int // the state of a whole match
}

// parseGlob refuses what could match no ConnectionId.
func parseGlob(pattern string) (glob, error) {
	switch {
	case pattern == "":
		return glob{}, errors.New("pattern is empty")
	case len(pattern) > maxGlob:
		return glob{}, fmt.Errorf("pattern is longer than %d characters", maxGlob)
	}
	literals := strings.ReplaceAll(pattern, "*", "")
	words := len(literals)/64 + 1
	unnamed := make([]uint64, words)
	g := glob{
		steps: [][]uint64{unnamed},
		stays: make([]uint64, words),
		last:  len(literals),
	}
	state := 0
	for i := range len(pattern) {
		word, bit := state/64, uint64(1)<<(state%64)
		switch c := pattern[i]; {
		case c == '*':
			g.stays[word] |= bit
			continue
		case c == '?':
			unnamed[word] |= bit
		case isConnectionIDByte(c):
			if g.row[c] == 0 {
				g.row[c] = uint8(len(g.steps))
				g.steps = append(g.steps, make([]uint64, words))
			}
			g.steps[g.row[c]][word] |= bit
		default:
			return glob{}, fmt.Errorf("pattern holds %q, which no connection id has", pattern[i:i+1])
		}
		state++
	}
	for _, steps := range g.steps[1:] {
		for i, w := range unnamed {
			steps[i] |= w
		}
	}
	return g, nil
}

func checkGlob(pattern string) error {
	_, err := parseGlob(pattern)
	return err
}

// match allocates nothing.
func (g *glob) match(id string) bool {
	if g.last == 0 {
		return true // nothing but stars, in most policies one
	}
	var states [globWords]uint64
	states[0] = 1
	for i := range len(id) {
		steps := g.steps[g.row[id[i]]]
		var carry, alive uint64
		for w := range steps {
			on := states[w] & steps[w]
			stay := states[w] & g.stays[w]
			states[w] = on<<1 | carry | stay
			carry = on >> 63
			alive |= states[w]
		}
		if alive == 0 {
			return false
		}
	}
	return states[g.last/64]&(1<<(g.last%64)) != 0
}

// isConnectionIDByte is the alphabet of a ConnectionId.
func isConnectionIDByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '+' || c == '/' || c == '='
}
