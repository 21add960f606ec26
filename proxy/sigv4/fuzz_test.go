package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// What is read from an Authorization field can be written back as what was read.
func FuzzParseAuthorization(f *testing.F) {
	req := signed(get())
	valid := field(&req, "Authorization")
	f.Add(valid)
	f.Add(strings.ReplaceAll(valid, ", ", ","))
	f.Add("AWS4-HMAC-SHA256 Credential=////, SignedHeaders=;, Signature=")
	f.Add("AWS4-ECDSA-P256-SHA256 Credential=A/B/C/D/aws4_request, SignedHeaders=host, Signature=00")
	f.Add("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==")
	f.Fuzz(func(t *testing.T, value string) {
		a, err := sigv4.ParseAuthorization(value)
		for _, c := range []byte(a.AccessKeyID) {
			if !('a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_') {
				t.Fatalf("key id %q", a.AccessKeyID)
			}
		}
		if err != nil {
			if _, ok := errors.AsType[*sigv4.Error](err); !ok {
				t.Fatalf("error %T", err)
			}
			return
		}
		names := strings.Split(a.SignedHeaders, ";")
		if !slices.IsSorted(names) || len(slices.Compact(slices.Clone(names))) != len(names) || slices.Contains(names, "") || strings.ToLower(a.SignedHeaders) != a.SignedHeaders {
			t.Fatalf("signed names %q", names)
		}
		written := "AWS4-HMAC-SHA256 Credential=" + strings.Join([]string{a.AccessKeyID, a.Date, a.Region, a.Service, "aws4_request"}, "/") +
			", SignedHeaders=" + a.SignedHeaders + ", Signature=" + hex.EncodeToString(a.Signature[:])
		if strings.ReplaceAll(written, ", ", ",") != strings.ReplaceAll(value, ", ", ",") {
			t.Fatalf("read %q\nas   %q", value, written)
		}
	})
}

// The canonical path loses nothing: two paths never share one.
func FuzzCanonicalPath(f *testing.F) {
	for _, path := range []string{"/", "/connections/aB%2B%2Fc9%3D%3D", "/connections/a%2fb+=", "/a//b", "/a/./b", "/a/../b", "/a b", "/\xff", "/ሴ"} {
		f.Add(path)
	}
	f.Fuzz(func(t *testing.T, path string) {
		strict, strictErr := sigv4.CanonicalPath(path, sigv4.Profile{})
		loose, looseErr := sigv4.CanonicalPath(path, sigv4.Profile{AnyTarget: true})
		if strictErr == nil && (looseErr != nil || strict != loose) {
			t.Fatalf("%q is %q, or %q (%v)", path, strict, loose, looseErr)
		}
		if looseErr == nil {
			if back, err := url.PathUnescape(loose); err != nil || back != path {
				t.Fatalf("%q becomes %q and back %q", path, loose, back)
			}
		}
		if strictErr == nil {
			if clean, err := sigv4.CanonicalPath(path, sigv4.Profile{NormalizePath: true}); err != nil || clean != strict {
				t.Fatalf("%q passes as %q and would be cleaned up to %q (%v)", path, strict, clean, err)
			}
		}
	})
}

// The canonical query says the same as the query, and is its own canonical form.
func FuzzCanonicalQuery(f *testing.F) {
	for _, query := range []string{"a=b", "b=%2f&a=2&a=1", "a", "=", "a=%4", "x=1;y=2", "NextToken=1%23%23a", "%58-amz-date=1", "a=b=c", "é=%C3%A9&A=+"} {
		f.Add(query)
	}
	decoded := func(query string) []string {
		var pairs []string
		for pair := range strings.SplitSeq(query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			n, err1 := url.PathUnescape(name)
			v, err2 := url.PathUnescape(value)
			if err1 != nil || err2 != nil {
				return nil
			}
			pairs = append(pairs, n+"\x00"+v)
		}
		slices.Sort(pairs)
		return pairs
	}
	f.Fuzz(func(t *testing.T, query string) {
		canonical, err := sigv4.CanonicalQuery(query)
		if err != nil {
			return
		}
		if again, err := sigv4.CanonicalQuery(canonical); err != nil || again != canonical {
			t.Fatalf("%q becomes %q, then %q (%v)", query, canonical, again, err)
		}
		want := decoded(query)
		if want == nil || !slices.Equal(want, decoded(canonical)) {
			t.Fatalf("%q becomes %q", query, canonical)
		}
	})
}

// Whatever arrives, the verifier ends with an answer, refuses what nobody signed
// and agrees with the documentation on what it accepts.
func FuzzVerify(f *testing.F) {
	req := signed(get())
	authorization := field(&req, "Authorization")
	f.Add("GET", "/connections/abc", "", "User-Agent: x", authorization, []byte(nil))
	f.Add("POST", "/connections", "", "Content-Type: application/json\nX-Amz-Content-Sha256: "+emptyHash, authorization, []byte("{}"))
	f.Add("GET", "/outposts", "NextToken=1%23%23a&a=%2f", "accept:  a  b\nAccept: c", "", []byte(nil))
	f.Add("GET", "/a/../b", "X-Amz-Signature=x", "Host: a\n: \nX-Amz-Security-Token:x", "Basic x", []byte(nil))
	f.Fuzz(func(t *testing.T, method, path, query, head, authorization string, body []byte) {
		req := sigv4.Request{Method: method, Path: path, Query: query, PayloadHash: sha256.Sum256(body)}
		req.Fields = append(req.Fields, sigv4.Field{"Host", testHost})
		for line := range strings.SplitSeq(head, "\n") {
			if name, value, ok := strings.Cut(line, ":"); ok {
				req.Fields = append(req.Fields, sigv4.Field{name, value})
			}
		}

		forged := req
		forged.Fields = append(slices.Clone(req.Fields), sigv4.Field{"X-Amz-Date", testDate}, sigv4.Field{"Authorization", authorization})
		agree(t, &forged)

		added, err := sigv4.Sign(&req, testCredentials(), testRegion, "outposts", testNow)
		if err != nil {
			return
		}
		req.Fields = slices.Concat(req.Fields, added)
		agree(t, &req)
	})
}

func agree(t *testing.T, req *sigv4.Request) {
	t.Helper()
	ok, err := accepted(testVerifier(), req)
	if err != nil && ok {
		t.Fatalf("accepted with error %v", err)
	}
	if err != nil {
		return
	}
	a, err := sigv4.ParseAuthorization(field(req, "Authorization"))
	if err != nil {
		// The first Authorization in another case is not the one field finds.
		return
	}
	want := a.AccessKeyID == testID && referenceSignature(req, a.SignedHeaders) == hex.EncodeToString(a.Signature[:])
	if ok && !want {
		t.Fatalf("accepted %v: %+v", a, req)
	}
	if !ok && want && a.Region == testRegion {
		t.Fatalf("refused %v: %+v", a, req)
	}
}
