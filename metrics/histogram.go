package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const namespace = "gatepost"

// A native histogram resolves to a tenth of the value and is bounded: past
// nativeBuckets it widens its buckets, and returns to full resolution at most
// once in nativeReset, so an odd spread of latencies can't make it reset on
// every scrape.
const (
	nativeFactor  = 1.1
	nativeBuckets = 160
	nativeReset   = time.Hour
)

// Bounds in seconds. Those of calls reach from a cached answer, whose cost is
// one fsync, to past the longest wait that gatepost allows; those of the disk
// stop where the journal has long refused. CloudTrail delivers within minutes as a
// rule; its records are looked for again until a day has passed.
func callBounds() []float64 {
	return []float64{.00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

func diskBounds() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5}
}

func lagBounds() []float64 {
	const minute, hour = 60, 60 * 60
	return []float64{1, 5, 15, 30, minute, 2 * minute, 5 * minute, 10 * minute, 15 * minute, 30 * minute, hour, 2 * hour, 4 * hour, 8 * hour, 24 * hour}
}

// secondsOpts describes a histogram of durations, classic and native at once:
// a scraper takes whichever it understands.
func secondsOpts(subsystem, name, help string, bounds []float64) prometheus.HistogramOpts {
	return prometheus.HistogramOpts{
		Namespace:                       namespace,
		Subsystem:                       subsystem,
		Name:                            name,
		Help:                            help,
		Buckets:                         bounds,
		NativeHistogramBucketFactor:     nativeFactor,
		NativeHistogramMaxBucketNumber:  nativeBuckets,
		NativeHistogramMinResetDuration: nativeReset,
	}
}

// seconds converts a measured duration; a clock that went backwards counts as
// no time at all.
func seconds(d time.Duration) float64 { return max(d, 0).Seconds() }

func counterOpts(subsystem, name, help string) prometheus.CounterOpts {
	return prometheus.CounterOpts{Namespace: namespace, Subsystem: subsystem, Name: name, Help: help}
}
