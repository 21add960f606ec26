// Package metrics holds every Prometheus collector of gatepost and the handler
// that exposes them. No other package knows Prometheus: callers report plain
// strings, numbers and durations, and a command wires them to the observers
// that the other packages declare.
//
//	m, err := metrics.New(metrics.Config{
//		Build:      metrics.Build{Version: "1.4.0", Commit: "9fceb02", GoVersion: runtime.Version()},
//		Operations: names,
//		Regions:    []string{"us-west-2"},
//	})
//	…
//	m.Audit.Track(func() metrics.AuditState { … })   // read at each scrape
//	m.Requests.Observe(metrics.Request{…}, took, eventID)
//	mux.Handle("GET /metrics", m.Handler(logger))
//
// # Promises
//
// Labels come from closed sets. A value outside its set is counted under
// "other", so no caller, however hostile, can grow the number of series past
// the product of the sets. Ids, principals, addresses and paths are never
// labels; an event's id rides as an exemplar, which only a scraper that asks
// for OpenMetrics or protobuf is shown.
//
// Series that are expected in normal operation and in common failures exist
// from the start with the value 0, so that rate and increase see the first
// error too. Which ones those are stands beside each family.
//
// What happens is told, by the methods below; what a component can say of itself
// at any time (whether the log is healthy, how much the cache holds) is asked of
// it when a scrape comes, through the function given to Track, so it can't go
// stale. Until Track was called its gauges are absent, not 0.
//
// # Concurrency
//
// Every method is safe for concurrent use. Requests.Observe takes no lock and,
// but for the rationed exemplars, allocates nothing.
package metrics
