package metrics

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Reload tells whether a file that is read again while gatepost runs is in
// force as it stands on disk. A file that no longer loads leaves the one before
// it in force, so without this a revoked key may live on unnoticed.
type Reload struct {
	state gauges[ReloadState]
}

// ReloadState is what the owner of the file knows at the time of a scrape.
type ReloadState struct {
	OK     bool      // the newest attempt succeeded
	Loaded time.Time // when what is in force was read
	// Expiry is the earliest end of what is in force, even one that has passed;
	// zero when nothing of it ends.
	Expiry time.Time
}

func newReload(reg prometheus.Registerer, file string) *Reload {
	r := &Reload{}
	labels := prometheus.Labels{"file": file}
	r.state.parts = []gauge[ReloadState]{
		{gaugeDesc("config", "last_reload_successful", "1 while the file is in force as it stands on disk, 0 after a reload that failed.", labels),
			func(s ReloadState) (float64, bool) { return truth(s.OK) }},
		{gaugeDesc("config", "last_reload_success_timestamp_seconds", "When what is in force of the file was read.", labels),
			func(s ReloadState) (float64, bool) { return timestamp(s.Loaded) }},
		{gaugeDesc("config", "earliest_expiry_timestamp_seconds", "When the first of what is in force of the file expires, or did; absent while nothing of it does.", labels),
			func(s ReloadState) (float64, bool) { return timestamp(s.Expiry) }},
	}
	reg.MustRegister(&r.state)
	return r
}

// Track gives the function that tells the file's state at a scrape.
func (r *Reload) Track(read func() ReloadState) { r.state.Track(read) }
