package importlaw

import "testing"

// law forbids packages of this module to import others.
//
// A pattern is a package's path, or a path and "/..." for it and all below;
// "std" stands for the standard library and "..." for everything. This module's
// packages go by their path from its root.
type law struct {
	text   string
	binds  []string // the importers it binds
	except []string // the importers, of those, that it leaves free
	only   []string // all that they may import; nil for no such limit
	never  []string // what they must not import

	// deep makes never hold for what the imports import in turn.
	deep bool
}

var laws = []law{
	{
		text:  "audit is pure: the standard library and uuid alone",
		binds: []string{"audit"},
		only:  []string{"std", "github.com/google/uuid"},
	},
	{
		text:  "proxy/sigv4 and proxy/outposts are pure: the standard library alone",
		binds: []string{"proxy/sigv4", "proxy/outposts"},
		only:  []string{"std"},
	},
	{
		text:   "AWS's SDK stays at the edges: upstream, the CloudTrail sources, the simulators, cmd",
		binds:  []string{"..."},
		except: []string{"proxy/upstream/...", "proxy/outposts/outpoststest", "audit/cloudtrail/...", "cmd/..."},
		never:  []string{"github.com/aws/..."},
	},
	{
		text:   "Prometheus stays in metrics",
		binds:  []string{"..."},
		except: []string{"metrics"},
		never:  []string{"github.com/prometheus/..."},
	},
	{
		text:  "metrics imports nothing of ours but plain types",
		binds: []string{"metrics/..."},
		never: []string{"audit/...", "cache/...", "cmd/...", "proxy/..."},
		deep:  true,
	},
	{
		text:  "the audit log knows neither the proxy nor the cache",
		binds: []string{"audit/..."},
		never: []string{"cache/...", "proxy/..."},
		deep:  true,
	},
	{
		text:  "audit/livefile is a leaf, for both sides: the standard library and the YAML parser alone",
		binds: []string{"audit/livefile"},
		only:  []string{"std", "github.com/goccy/go-yaml/..."},
	},
	{
		text:   "YAML is parsed where size and nesting are bounded: livefile, and the configuration in cmd",
		binds:  []string{"..."},
		except: []string{"audit/livefile", "cmd/gatepost/internal/config"},
		never:  []string{"github.com/goccy/go-yaml/..."},
	},
	{
		text:   "only cmd wires: nobody else reaches for the metrics",
		binds:  []string{"..."},
		except: []string{"cmd/...", "metrics/..."},
		never:  []string{"metrics/..."},
	},
	{
		text:   "simulators and helpers of tests are for tests and the demo",
		binds:  []string{"..."},
		except: []string{"cmd/..."},
		never:  []string{"proxy/outposts/outpoststest", "audit/cloudtrail/cloudtrailtest", "audit/livefile/livefiletest"},
	},
	{
		text:  "the simulator judges signatures by other code than the proxy's",
		binds: []string{"proxy/outposts/outpoststest"},
		never: []string{"proxy/sigv4"},
		deep:  true,
	},
	{
		text:  "requests to AWS are built afresh, never forwarded by a reverse proxy",
		binds: []string{"proxy/..."},
		never: []string{"net/http/httputil"},
	},
	{
		text:  "no profiler is linked in, by anybody",
		binds: []string{"..."},
		never: []string{"net/http/pprof"},
		deep:  true,
	},
}

func TestImports(t *testing.T) {
	for _, v := range check(load(t), laws) {
		t.Error(v)
	}
}

// The laws are only worth their being able to fail.
func TestCheck(t *testing.T) {
	tests := []struct {
		name    string
		imports map[string][]string
		law     law
		want    []string
	}{
		{"allowed", map[string][]string{"audit": {"fmt", "github.com/google/uuid"}},
			law{binds: []string{"audit"}, only: []string{"std", "github.com/google/uuid"}}, nil},
		{"not among only", map[string][]string{"audit": {"fmt", "github.com/spf13/cobra"}},
			law{binds: []string{"audit"}, only: []string{"std"}},
			[]string{"audit imports github.com/spf13/cobra"}},
		{"a folder is not what is below it", map[string][]string{"audit/journal": {"github.com/spf13/cobra"}},
			law{binds: []string{"audit"}, only: []string{"std"}}, nil},
		{"never", map[string][]string{"proxy": {"github.com/aws/smithy-go"}, "proxy/upstream": {"github.com/aws/smithy-go"}},
			law{binds: []string{"..."}, except: []string{"proxy/upstream"}, never: []string{"github.com/aws/..."}},
			[]string{"proxy imports github.com/aws/smithy-go"}},
		{"not by the same beginning", map[string][]string{"cache": {"github.com/awsome/x"}, "auditor": {"proxy"}},
			law{binds: []string{"audit/...", "cache"}, never: []string{"github.com/aws/...", "proxy"}}, nil},
		{"shallow", map[string][]string{"audit": {"cache"}, "cache": {"proxy"}},
			law{binds: []string{"audit"}, never: []string{"proxy"}}, nil},
		{"deep", map[string][]string{"audit/index": {"x.org/a"}, "x.org/a": {"x.org/b"}, "x.org/b": {"net/http/pprof"}},
			law{binds: []string{"audit/..."}, never: []string{"net/http/pprof"}, deep: true},
			[]string{"audit/index imports net/http/pprof by way of x.org/a, x.org/b"}},
		{"others are not bound", map[string][]string{"x.org/a": {"net/http/pprof"}},
			law{binds: []string{"..."}, never: []string{"net/http/pprof"}}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			tt.law.text = "the law"
			var got []string
			for _, v := range check(fake(tt.imports), []law{tt.law}) {
				got = append(got, v.breach())
				if v.law != "the law" {
					t.Errorf("law %q", v.law)
				}
			}
			if len(got) != len(tt.want) || len(got) > 0 && got[0] != tt.want[0] {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}
