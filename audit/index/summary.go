package index

import (
	"context"
	"fmt"
	"time"
)

// maxPoints bounds a summary.
const maxPoints = 10_000

// Point counts the calls of one step of time, by the time of their outcome.
type Point struct {
	Start        time.Time
	Calls        uint64
	ByCache      map[string]uint64
	ByErrorClass map[string]uint64
	// ByState counts calls by the state that they are in by now, and findings by
	// theirs.
	ByState map[string]uint64
}

// Summary counts over time, from the step in which since lies to the one before
// until. Steps begin at multiples of step since 1970, UTC. A step without any
// event has no point. step must be a whole number of minutes.
func (r *Reader) Summary(ctx context.Context, since, until time.Time, step time.Duration) ([]Point, error) {
	if step < time.Minute || step%time.Minute != 0 {
		return nil, fmt.Errorf("summarize: step %v is not a whole number of minutes", step)
	}
	seconds := int64(step / time.Second)
	first := floorDiv(since.Unix(), seconds)
	end := -floorDiv(-until.Unix(), seconds)
	if until.Nanosecond() > 0 && until.Unix()%seconds == 0 {
		end++
	}
	if end-first > maxPoints {
		return nil, fmt.Errorf("summarize: more than %d steps", maxPoints)
	}
	if end <= first {
		return nil, nil
	}
	level := 0
	for i, width := range levels {
		if step%width == 0 {
			level = i
		}
	}
	per := int64(step / levels[level])
	var points []Point
	err := r.view(ctx, func(v *view) error {
		found, err := v.tx.QueryContext(ctx, `SELECT c.start, c.n, c.name, coalesce(n.field, 0), coalesce(n.text, x'')
			FROM counts c LEFT JOIN names n ON n.id = c.name
			WHERE c.level = ? AND c.start >= ? AND c.start < ? AND c.n <> 0 ORDER BY c.start`,
			level, first*per, end*per)
		if err != nil {
			return err
		}
		defer found.Close()
		for found.Next() {
			var start, n, name int64
			var f field
			var text []byte
			if err := found.Scan(&start, &n, &name, &f, &text); err != nil {
				return err
			}
			if n < 0 {
				return damagedf("%d of a count", n)
			}
			at := time.Unix(floorDiv(start, per)*seconds, 0).UTC()
			if len(points) == 0 || !points[len(points)-1].Start.Equal(at) {
				points = append(points, Point{
					Start: at, ByCache: map[string]uint64{}, ByErrorClass: map[string]uint64{}, ByState: map[string]uint64{},
				})
			}
			p := &points[len(points)-1]
			switch f {
			case fieldCache:
				p.ByCache[string(text)] += uint64(n)
			case fieldErrorClass:
				p.ByErrorClass[string(text)] += uint64(n)
			case fieldState:
				if len(text) > 0 {
					p.ByState[string(text)] += uint64(n)
				}
			default:
				if name != allCalls {
					return damagedf("count of a name %d", name)
				}
				p.Calls += uint64(n)
			}
		}
		return found.Err()
	})
	if err != nil {
		return nil, fmt.Errorf("summarize: %w", err)
	}
	return points, nil
}
