package outpoststest

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

func FuzzParseAuthorization(f *testing.F) {
	f.Add("AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261122/us-west-2/outposts/aws4_request, SignedHeaders=host;x-amz-date, Signature=018742d61e24")
	f.Add("AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;, Signature==")
	f.Fuzz(func(t *testing.T, header string) {
		claim, ok := parseAuthorization(header)
		if !ok {
			return
		}
		again, ok := parseAuthorization(claim.String())
		if !ok || again.String() != claim.String() {
			t.Errorf("%q became %q, then %q", header, claim.String(), again.String())
		}
	})
}

func FuzzFindOperation(f *testing.F) {
	f.Add("GET", "/connections/aB%2B%2Fc9%3D%3D")
	f.Add("DELETE", "/tags/arn%3Aaws?tagKeys=a")
	f.Add("POST", "//%zz/")
	f.Fuzz(func(t *testing.T, method, target string) {
		op, labels := findOperation(method, target)
		if op == nil {
			return
		}
		// The labels put back into their places are the path.
		path := op.path
		for name, value := range labels {
			path = strings.Replace(path, "{"+name+"}", url.PathEscape(value), 1)
		}
		got, _, _ := strings.Cut(target, "?")
		want, err := url.PathUnescape(got)
		if unescaped, again := url.PathUnescape(path); err != nil || again != nil || unescaped != want || op.method != method {
			t.Errorf("%s %q is %s with %q", method, target, op.name, labels)
		}
		if op.method == http.MethodGet && !strings.HasPrefix(op.name, "Get") && !strings.HasPrefix(op.name, "List") {
			t.Errorf("%s reads", op.name)
		}
	})
}
