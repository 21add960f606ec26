package cloudtrailtest

import (
	"math"
	"math/rand/v2"
	"time"
)

// Delay draws how long after a call its record is delivered.
type Delay func(r *rand.Rand) time.Duration

// Constant is always d.
func Constant(d time.Duration) Delay {
	return func(*rand.Rand) time.Duration { return d }
}

// Uniform is anything in [from, to).
func Uniform(from, to time.Duration) Delay {
	return func(r *rand.Rand) time.Duration { return from + time.Duration(r.Float64()*float64(to-from)) }
}

// Exponential is what CloudTrail's documentation says of itself, with a mean of
// five minutes: most records soon, a few after many times the mean.
func Exponential(mean time.Duration) Delay {
	return func(r *rand.Rand) time.Duration { return time.Duration(r.ExpFloat64() * float64(mean)) }
}

// HeavyTail is a Pareto distribution (shape 1.1) from shortest on, cut at longest:
// a few per cent take ten times the shortest, and some the longest.
func HeavyTail(shortest, longest time.Duration) Delay {
	return func(r *rand.Rand) time.Duration {
		d := float64(shortest) * math.Pow(1-r.Float64(), -1/1.1)
		return time.Duration(min(d, float64(longest)))
	}
}

// Bimodal is slow for a share of the records, and usual for the others.
func Bimodal(usual, slow Delay, share float64) Delay {
	return func(r *rand.Rand) time.Duration {
		if r.Float64() < share {
			return slow(r)
		}
		return usual(r)
	}
}
