package metrics

import (
	"log/slog"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// A scrape reads memory only. These bounds are for what should not happen: a
// Track function that hangs, and more scrapers than anybody runs.
const (
	scrapeTimeout     = 10 * time.Second
	concurrentScrapes = 8
)

// Handler exposes every metric, as OpenMetrics, Prometheus text or protobuf,
// whichever the scraper asks for; exemplars are in the first and the last only.
// The body is never compressed. A collection that fails answers 500 and nothing
// else: a target that is down is noticed, a silently missing family is not.
func (m *Metrics) Handler(logger *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		ErrorLog:            slog.NewLogLogger(logger.With("component", "metrics").Handler(), slog.LevelError),
		ErrorHandling:       promhttp.HTTPErrorOnError,
		EnableOpenMetrics:   true,
		DisableCompression:  true,
		MaxRequestsInFlight: concurrentScrapes,
		Timeout:             scrapeTimeout,
	})
}
