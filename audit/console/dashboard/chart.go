package dashboard

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/index"
)

// chart is counts over time as stacked bars, in steps of one length. The unit of
// its x axis is a step, and its y axis goes down from 0 to chartHeight.
type chart struct {
	Title   string
	Steps   int
	Series  []series
	Columns []column
	Most    string    // what the highest line is worth
	Half    string    // and the middle one, empty if there is no whole number
	XTicks  []tick    // along the bottom
	Total   uint64    // of all series
	Summary string    // the chart in words
	Since   time.Time // of the first step
}

const chartHeight = 1000

// series is one colour of the bars.
type series struct {
	Name  string
	Class string // of the colour
	Link  string // to the events that it counts
	Total uint64
	Path  string // of an SVG path
}

// column tells of one step when it is pointed at.
type column struct {
	X    int
	Text string
}

// tick is a time below the bars, at a percentage of the width.
type tick struct {
	At   string
	Time time.Time
	Day  bool // the date says more than the time of day
}

// counted is how a chart is made of points.
type counted struct {
	title string
	names []string // in the order in which they are stacked; the others come last
	of    func(index.Point) map[string]uint64
	class func(name string) string
	link  func(name string) string
}

// span is the time of a chart: whole steps.
type span struct {
	since time.Time
	step  time.Duration
	steps int
}

// spanOf has the steps that cover the time from since to until, as
// [index.Reader.Summary] counts them.
func spanOf(since, until time.Time, step time.Duration) span {
	first := since.Truncate(step)
	steps := int((until.Sub(first) + step - 1) / step)
	return span{first, step, max(1, steps)}
}

func newChart(points []index.Point, s span, c counted) chart {
	made := chart{Title: c.title, Steps: s.steps, Since: s.since}
	totals := make(map[string]uint64)
	columns := make([]map[string]uint64, s.steps)
	var highest uint64
	for _, p := range points {
		at := int(p.Start.Sub(s.since) / s.step)
		if at < 0 || at >= s.steps {
			continue
		}
		columns[at] = c.of(p)
		var sum uint64
		for name, n := range columns[at] {
			totals[name] += n
			sum += n
		}
		highest = max(highest, sum)
	}
	names := slices.Clone(c.names)
	var others []string
	for name := range totals {
		if !slices.Contains(names, name) {
			others = append(others, name)
		}
	}
	slices.Sort(others)
	names = append(names, others...)
	most := roundUp(highest)
	made.Most = number(most)
	if most%2 == 0 {
		made.Half = number(most / 2)
	}
	paths := make(map[string]*strings.Builder)
	for at, counts := range columns {
		if len(counts) == 0 {
			continue
		}
		var below, said = uint64(0), []string{}
		for _, name := range names {
			n := counts[name]
			if n == 0 {
				continue
			}
			b := paths[name]
			if b == nil {
				b = new(strings.Builder)
				paths[name] = b
			}
			bottom, top := height(below, most), height(below+n, most)
			if top == bottom {
				top = bottom + 4 // what is there can be seen
			}
			// A bar leaves a tenth of its step free.
			fmt.Fprintf(b, "M%d %dh9v-%dh-9z", at*10, chartHeight-bottom, top-bottom)
			below += n
			said = append(said, number(n)+" "+words(name))
		}
		start := s.since.Add(time.Duration(at) * s.step)
		made.Columns = append(made.Columns, column{at * 10, start.UTC().Format("2006-01-02 15:04") + " UTC, " + spanText(s.step) + ": " + strings.Join(said, ", ")})
	}
	var said []string
	for _, name := range names {
		n := totals[name]
		if n == 0 {
			continue
		}
		made.Total += n
		made.Series = append(made.Series, series{Name: words(name), Class: c.class(name), Link: c.link(name), Total: n, Path: paths[name].String()})
		said = append(said, number(n)+" "+words(name))
	}
	made.Summary = c.title + ": no calls"
	if len(said) > 0 {
		made.Summary = c.title + ": " + strings.Join(said, ", ")
	}
	made.XTicks = ticks(s)
	return made
}

func height(n, most uint64) int { return int(n * (chartHeight - 10) / most) }

// roundUp is the next number that is easy to read: 1, 2 or 5 and zeros.
func roundUp(n uint64) uint64 {
	for power := uint64(1); ; power *= 10 {
		for _, digit := range []uint64{1, 2, 4, 5, 6, 8} {
			if digit*power >= n {
				return max(1, digit*power)
			}
		}
	}
}

// ticks are four times at round steps.
func ticks(s span) []tick {
	const most = 4
	length := time.Duration(s.steps) * s.step
	var every time.Duration
	for _, d := range []time.Duration{
		time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour,
		24 * time.Hour, 2 * 24 * time.Hour, 7 * 24 * time.Hour, 14 * 24 * time.Hour,
	} {
		every = d
		if length/d <= most {
			break
		}
	}
	var list []tick
	for at := s.since.Truncate(every).Add(every); at.Before(s.since.Add(length)); at = at.Add(every) {
		share := float64(at.Sub(s.since)) / float64(length)
		if share < 0.04 || share > 0.96 {
			continue // it would be cut
		}
		list = append(list, tick{strconv.FormatFloat(100*share, 'f', 2, 64) + "%", at, every >= 24*time.Hour})
	}
	return list
}
