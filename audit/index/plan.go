package index

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

const (
	// maxNames is how many values full text may find; maxIDs likewise for ids.
	// What is part of more says so little that looking at the entries one by one
	// finds a page of them soon.
	maxNames = 1000
	maxIDs   = 4096

	anyNumber = 1 << 40
)

// plan is a query's conditions.
type plan struct {
	streams []stream // all of them have to be satisfied
	nothing bool     // no entry can be
}

// add takes in the conditions of a query for entries in chunks up to from.
func (p *plan) add(ctx context.Context, v *view, f *Filter, from int64, until time.Time) error {
	if f.Findings != "" {
		if err := p.addFindings(ctx, v, f, from); err != nil || p.nothing {
			return err
		}
		return p.addTimes(ctx, v, f, from)
	}
	for _, c := range []fieldValue{
		// The rarest first, as a rule: what ends first ends the query.
		{fieldConnection, f.Connection},
		{fieldPrincipal, f.Principal},
		{fieldState, f.State},
		{fieldErrorClass, string(f.ErrorClass)},
		{fieldDecision, string(f.Decision)},
		{fieldCache, string(f.Cache)},
		{fieldOperation, f.Operation},
		{fieldRegion, f.Region},
		{fieldKind, string(f.Kind)},
	} {
		if c.text == "" {
			continue
		}
		if err := p.addValue(ctx, v, c.field, c.text, from); err != nil || p.nothing {
			return err
		}
	}
	if f.Kind == "" {
		if err := p.addListed(ctx, v, f, from); err != nil || p.nothing {
			return err
		}
	}
	if f.RequestID != "" {
		sets, _, err := v.idSets(ctx, []idRange{exactly(f.RequestID)}, anyNumber)
		if err != nil {
			return err
		}
		p.streams = append(p.streams, newListStream(sets))
	}
	if f.Q != "" {
		if err := p.addText(ctx, v, f.Q, from, until); err != nil || p.nothing {
			return err
		}
	}
	return p.addTimes(ctx, v, f, from)
}

func (p *plan) addTimes(ctx context.Context, v *view, f *Filter, from int64) error {
	if f.Since.IsZero() && f.Until.IsZero() {
		return nil
	}
	since, end := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		since = f.Since.UnixMicro()
	}
	if !f.Until.IsZero() {
		end = f.Until.UnixMicro()
	}
	s, err := v.times(ctx, since, end, from)
	if err == nil {
		p.streams = append(p.streams, s)
	}
	return err
}

func (p *plan) addValue(ctx context.Context, v *view, f field, text string, from int64) error {
	name, err := v.name(ctx, f, text)
	if err != nil {
		return err
	}
	if name == 0 {
		p.nothing = true
		return nil
	}
	s, err := v.postings(ctx, name, from)
	if err == nil {
		p.streams = append(p.streams, s)
	}
	return err
}

// addListed adds the condition for a page that is not asked for a kind.
func (p *plan) addListed(ctx context.Context, v *view, f *Filter, from int64) error {
	listed := []fieldValue{{fieldListed, ""}}
	for i, k := range f.Also {
		if !slices.Contains(f.Also[:i], k) {
			listed = append(listed, fieldValue{fieldKind, string(k)})
		}
	}
	return p.addAnyOf(ctx, v, listed, from)
}

// addFindings adds the conditions for a page of findings that rows can tell.
func (p *plan) addFindings(ctx context.Context, v *view, f *Filter, from int64) error {
	var ranks []fieldValue
	for _, rank := range f.Findings.ranks(f.State != "") {
		ranks = append(ranks, fieldValue{fieldFinding, rank})
	}
	for _, exact := range []fieldValue{{fieldState, f.State}, {fieldKind, string(f.Kind)}} {
		if exact.text == "" {
			continue
		}
		if err := p.addValue(ctx, v, exact.field, exact.text, from); err != nil || p.nothing {
			return err
		}
	}
	return p.addAnyOf(ctx, v, ranks, from)
}

type fieldValue struct {
	field field
	text  string
}

// addAnyOf adds the condition that an entry has one of some values.
func (p *plan) addAnyOf(ctx context.Context, v *view, values []fieldValue, from int64) error {
	union := &plan{}
	for _, value := range values {
		if err := union.addValue(ctx, v, value.field, value.text, from); err != nil {
			union.close()
			return err
		}
	}
	if len(union.streams) == 0 {
		p.nothing = true
		return nil
	}
	p.streams = append(p.streams, newUnionStream(union.streams...))
	return nil
}

// addText adds the condition for q, unless there is so much of it that each
// entry has to be looked at.
func (p *plan) addText(ctx context.Context, v *view, q string, from int64, until time.Time) error {
	expression := matchExpression(q)
	if expression == "" {
		return nil
	}
	sets, few, err := v.idSets(ctx, idRanges(q), maxIDs)
	if err != nil || !few {
		return err
	}
	names, few, err := v.matches(ctx, expression, q)
	if err != nil || !few {
		return err
	}
	var streams []stream
	if len(sets) > 0 {
		streams = append(streams, newListStream(sets))
	}
	if len(names) > 0 {
		s, err := v.many(ctx, names, from, until)
		if err != nil {
			return err
		}
		streams = append(streams, s)
	}
	if len(streams) == 0 {
		p.nothing = true
		return nil
	}
	p.streams = append(p.streams, newUnionStream(streams...))
	return nil
}

func (p *plan) close() {
	for _, s := range p.streams {
		s.close()
	}
}

// seek goes to the newest chunk at or before the one given in which all
// conditions may be satisfied, or to -1.
func (p *plan) seek(chunk int64) (int64, error) {
	if p.nothing {
		return noChunk, nil
	}
	for i := 0; i < len(p.streams); {
		at, err := p.streams[i].seek(chunk)
		if err != nil || at == noChunk {
			return noChunk, err
		}
		if at < chunk {
			chunk, i = at, 0
			continue
		}
		i++
	}
	return chunk, nil
}

// rows returns the rows that satisfy all conditions in the chunk where seek has
// gone, before an index.
func (p *plan) rows(chunk int64, before uint64, m *bitmap) error {
	m.fill()
	if chunkOf(before) == chunk {
		m.retainBelow(int(rowOf(before)))
	}
	for _, s := range p.streams {
		if err := s.retain(m); err != nil {
			return err
		}
	}
	return nil
}

func exactly(id string) idRange {
	key := idKey(id)
	return idRange{key, key + "\x00"}
}

// idSets returns the rows of ids in some ranges, in whatever role; few is false
// if there are more than most.
func (v *view) idSets(ctx context.Context, ranges []idRange, most int) (sets []chunkRowSet, few bool, err error) {
	runs, err := v.runs(ctx)
	if err != nil {
		return nil, false, err
	}
	for _, r := range ranges {
		found, err := v.tx.QueryContext(ctx, `SELECT i.place, i.rows FROM json_each(?) r CROSS JOIN ids i
			ON i.run = r.value AND i.id >= ? AND i.id < ? LIMIT ?`,
			runs, []byte(r.low), []byte(r.high), most-len(sets)+1)
		if err != nil {
			return nil, false, err
		}
		for found.Next() {
			var place int64
			var rows []byte
			if err := found.Scan(&place, &rows); err != nil {
				return nil, false, errors.Join(err, found.Close())
			}
			sets = append(sets, chunkRowSet{chunkOfPlace(place), rows})
		}
		if err := errors.Join(found.Err(), found.Close()); err != nil {
			return nil, false, err
		}
		if len(sets) > most {
			return nil, false, nil
		}
	}
	return sets, true, nil
}

// runs returns the runs of ids that there are, as JSON.
func (v *view) runs(ctx context.Context) (string, error) {
	size, err := v.cursor(ctx)
	if err != nil {
		return "", err
	}
	last := roleRequest.run(chunkOf(uint64(max(size, 1) - 1)))
	list := make([]int64, last+1)
	for i := range list {
		list[i] = int64(i)
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// matches returns the values that contain q; few is false if full text finds
// more than maxNames.
func (v *view) matches(ctx context.Context, expression, q string) (names []int64, few bool, err error) {
	found, err := v.tx.QueryContext(ctx, `SELECT n.id, n.text FROM words w CROSS JOIN names n ON n.id = w.rowid
		WHERE words MATCH ? LIMIT ?`, expression, maxNames+1)
	if err != nil {
		return nil, false, err
	}
	defer found.Close()
	n := 0
	for ; found.Next(); n++ {
		var id int64
		var text []byte
		if err := found.Scan(&id, &text); err != nil {
			return nil, false, err
		}
		if containsFold(string(text), q) {
			names = append(names, id)
		}
	}
	return names, n <= maxNames, found.Err()
}
