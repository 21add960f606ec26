// Package dashboard draws the pages of the admin listener: what happens now, the
// events with a live tail, an event's whole story, findings, connections, callers.
// It draws what it is given, and reads and decides nothing itself; package console
// serves it.
//
//	pages := dashboard.New()
//	html, err := pages.Render(dashboard.Frame{Viewer: "soc", At: now}, dashboard.Events{Entries: page.Entries, …})
//
// # Promises
//
// Whatever stands in the log is text on a page, wherever it came from: templates
// escape by context, scripts set textContent alone, and [Policy] lets nothing run
// that this package does not bring itself. Links are made of ids that were encoded
// for their place.
//
// Every page is whole without scripts and without any other host. Scripts add the
// viewer's time zone, the live tail, the shortcuts and the check of a proof.
//
// Assets have the hash of their content in their names, so that they can be kept
// for good. A page with its style and scripts has less than 100 KB.
//
// # Concurrency
//
// [Pages] do not change; any number of goroutines may render.
package dashboard
