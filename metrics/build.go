package metrics

import (
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// Build is what the running program was made of.
type Build struct {
	Version   string
	Commit    string
	GoVersion string
	FIPS      bool // whether the FIPS 140-3 module is in use
}

func newBuildInfo(b Build) prometheus.Collector {
	info := prometheus.NewGauge(prometheus.GaugeOpts{
		Namespace: namespace,
		Name:      "build_info",
		Help:      "Always 1; the labels tell what runs.",
		ConstLabels: prometheus.Labels{
			"version":   b.Version,
			"commit":    b.Commit,
			"goversion": b.GoVersion,
			"fips":      strconv.FormatBool(b.FIPS),
		},
	})
	info.Set(1)
	return info
}
