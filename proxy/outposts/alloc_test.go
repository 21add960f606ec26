package outposts_test

import (
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// The path of a hit must leave next to nothing to the garbage collector.
func TestParseAllocations(t *testing.T) {
	for _, test := range []struct {
		name, path string
		most       float64
	}{
		{"plain id", "/connections/0123456789abcdefABCDEF", 0},
		{"escaped as clients do", "/connections/aB%2B%2Fc9%3D%3D", 1},
		{"escaped in lower case", "/connections/aB%2b%2fc9%3d%3d", 2},
		{"not escaped", "/connections/aB+c9==", 1},
		{"longest", "/connections/" + strings.Repeat("%2F", 1024), 1},
		{"refused", "/connections/a.b", 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := testing.AllocsPerRun(200, func() { outposts.Parse("GET", test.path, "") })
			if got > test.most {
				t.Errorf("%v allocations, want at most %v", got, test.most)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	for _, bench := range []struct{ name, method, path, query string }{
		{"plain", "GET", "/connections/0123456789abcdefABCDEF", ""},
		{"escaped", "GET", "/connections/aB%2B%2Fc9%3D%3D", ""},
		{"arn", "GET", "/tags/arn%3Aaws%3Aoutposts%3Aus-west-2%3A111122223333%3Aoutpost%2Fop-0123456789abcdef0", ""},
		{"query", "GET", "/outposts", "LifeCycleStatusFilter=ACTIVE&MaxResults=100&NextToken=1%23%23abc"},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := outposts.Parse(bench.method, bench.path, bench.query); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkCheckConnection(b *testing.B) {
	body := []byte(wholeAnswer("aB+/c9=="))
	b.ReportAllocs()
	for b.Loop() {
		if complete, err := outposts.CheckConnection(body, "aB+/c9=="); err != nil || !complete {
			b.Fatal(complete, err)
		}
	}
}
