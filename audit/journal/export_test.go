package journal

import "time"

// Packing returns the configuration with segments compressed at another age, and
// looked for at another interval.
func (c Config) Packing(age, every time.Duration) Config {
	c.packAge, c.packEvery = age, every
	return c
}
