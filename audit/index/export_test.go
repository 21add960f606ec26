package index

import (
	"context"
	"time"
)

// Step brings the index to where the journal is, as Run does.
func (x *Index) Step(ctx context.Context) error {
	x.working.Lock()
	defer x.working.Unlock()
	return x.step(ctx, nil)
}

// Crash drops the index as the end of the process would: nothing is committed,
// and nothing is copied back from the write-ahead log.
func (x *Index) Crash(copyTo func()) error {
	x.working.Lock()
	copyTo()
	x.working.Unlock()
	return x.Close()
}

// AddWithoutCommit takes in what the journal has, and leaves the transaction
// open.
func (x *Index) AddWithoutCommit(ctx context.Context) error {
	x.working.Lock()
	defer x.working.Unlock()
	for line, err := range x.cfg.Source.Read(x.w.cursor) {
		if err != nil {
			return err
		}
		if err := x.w.add(ctx, line); err != nil {
			return err
		}
	}
	return x.w.sets.flush(ctx)
}

// SetBudget changes how long a query looks.
func (r *Reader) SetBudget(d time.Duration) { r.budget = d }

// FillChunk is how many entries a chunk has.
const ChunkRows = chunkRows

var (
	MatchExpression = matchExpression
	ParseCursor     = parseCursor
	EncodeCursor    = encodeCursor
	HasText         = hasText
	IDKey           = idKey
	IDRanges        = idRanges
	HasIDPrefix     = hasIDPrefix
	DecodeBlock     = decodeBlock
	ContainsFold    = containsFold
)

// InRange reports whether an id's key is in one of the ranges of a prefix.
func InRange(id, prefix string) bool {
	for _, r := range idRanges(prefix) {
		if k := idKey(id); r.low <= k && k < r.high {
			return true
		}
	}
	return false
}
