package dashboard_test

import (
	"io"
	"net/http"
	"testing"
	"time"
)

// BenchmarkPages is the time in which the server answers with each view, over the
// loopback interface, the record of the reading included.
func BenchmarkPages(b *testing.B) {
	s := startSite(b, many)
	for _, v := range views(s) {
		b.Run(v.name, func(b *testing.B) {
			for b.Loop() {
				resp, err := http.Get(s.openURL + v.path)
				if err != nil {
					b.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil {
					b.Fatal(err)
				}
				b.ReportMetric(float64(n), "bytes/page")
				b.StopTimer()
				time.Sleep(60 * time.Millisecond) // stays below the rate of recorded readings
				b.StartTimer()
			}
		})
	}
}
