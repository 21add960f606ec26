package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// Each case signs a request, changes it, and names the reason for which that
// must be refused.
func TestRefused(t *testing.T) {
	const signature = "Signature="
	scope := testDay + "/" + testRegion + "/outposts/aws4_request"
	tests := []struct {
		name   string
		change func(*sigv4.Request)
		want   sigv4.Reason
	}{
		{"no authorization", func(r *sigv4.Request) { drop(r, "Authorization") }, sigv4.ReasonMissing},
		{"two authorizations", func(r *sigv4.Request) { add(r, "authorization", field(r, "Authorization")) }, sigv4.ReasonMalformed},
		{"empty authorization", func(r *sigv4.Request) { set(r, "Authorization", "") }, sigv4.ReasonAlgorithm},
		{"algorithm alone", func(r *sigv4.Request) { set(r, "Authorization", "AWS4-HMAC-SHA256") }, sigv4.ReasonMalformed},
		{"Basic", func(r *sigv4.Request) { set(r, "Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==") }, sigv4.ReasonAlgorithm},
		{"Bearer", func(r *sigv4.Request) { set(r, "Authorization", "Bearer abc") }, sigv4.ReasonAlgorithm},
		{"version 2", func(r *sigv4.Request) { set(r, "Authorization", "AWS "+testID+":frJIUN8DYpKDtOLCwo//yllqDzg=") }, sigv4.ReasonAlgorithm},
		{"version 4a", func(r *sigv4.Request) { edit(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }, sigv4.ReasonAlgorithm},
		{"SHA-512", func(r *sigv4.Request) { edit(r, "SHA256", "SHA512") }, sigv4.ReasonAlgorithm},
		{"algorithm with more behind", func(r *sigv4.Request) { edit(r, "SHA256", "SHA256-PAYLOAD") }, sigv4.ReasonAlgorithm},
		{"algorithm in lower case", func(r *sigv4.Request) { edit(r, "AWS4-HMAC", "aws4-hmac") }, sigv4.ReasonAlgorithm},
		{"parameters in another order", func(r *sigv4.Request) {
			edit(r, "SignedHeaders=host;x-amz-date, ", "")
			add(r, "x", "")
			set(r, "Authorization", field(r, "Authorization")+", SignedHeaders=host;x-amz-date")
		}, sigv4.ReasonMalformed},
		{"parameter twice", func(r *sigv4.Request) {
			edit(r, ", SignedHeaders", ", Credential="+testID+"/"+scope+", SignedHeaders")
		}, sigv4.ReasonMalformed},
		{"parameter after the signature", func(r *sigv4.Request) {
			set(r, "Authorization", field(r, "Authorization")+", Extra=1")
		}, sigv4.ReasonMalformed},
		{"two spaces after a comma", func(r *sigv4.Request) { edit(r, ", Signed", ",  Signed") }, sigv4.ReasonMalformed},

		{"signature in capitals", func(r *sigv4.Request) {
			head, tail, _ := strings.Cut(field(r, "Authorization"), signature)
			set(r, "Authorization", head+signature+strings.ToUpper(tail))
		}, sigv4.ReasonMalformed},
		{"signature of 63", func(r *sigv4.Request) {
			value := field(r, "Authorization")
			set(r, "Authorization", value[:len(value)-1])
		}, sigv4.ReasonMalformed},
		{"signature of 65", func(r *sigv4.Request) { set(r, "Authorization", field(r, "Authorization")+"0") }, sigv4.ReasonMalformed},
		{"signature with a space", func(r *sigv4.Request) { edit(r, signature, signature+" ") }, sigv4.ReasonMalformed},
		{"signature with no hexadecimal", func(r *sigv4.Request) {
			value := field(r, "Authorization")
			set(r, "Authorization", value[:len(value)-1]+"g")
		}, sigv4.ReasonMalformed},
		{"no signature", func(r *sigv4.Request) {
			head, _, _ := strings.Cut(field(r, "Authorization"), signature)
			set(r, "Authorization", head+signature)
		}, sigv4.ReasonMalformed},

		{"four scope parts", func(r *sigv4.Request) { edit(r, "/"+testRegion, "") }, sigv4.ReasonScope},
		{"six scope parts", func(r *sigv4.Request) { edit(r, testRegion, testRegion+"/x") }, sigv4.ReasonScope},
		{"key id with a slash", func(r *sigv4.Request) { edit(r, testID, "GPK/"+testID) }, sigv4.ReasonScope},
		{"empty key id", func(r *sigv4.Request) { edit(r, testID, "") }, sigv4.ReasonScope},
		{"empty region", func(r *sigv4.Request) { edit(r, testRegion, "") }, sigv4.ReasonScope},
		{"key id of 129", func(r *sigv4.Request) { edit(r, testID, strings.Repeat("A", 129)) }, sigv4.ReasonMalformed},
		{"key id with a line break", func(r *sigv4.Request) { edit(r, testID, "GPK\n") }, sigv4.ReasonMalformed},
		{"another terminator", func(r *sigv4.Request) { edit(r, "aws4_request", "aws4_Request") }, sigv4.ReasonScope},
		{"a region not served", func(r *sigv4.Request) { edit(r, testRegion, "us-east-2") }, sigv4.ReasonScope},
		{"another service", func(r *sigv4.Request) { edit(r, "/outposts/", "/s3/") }, sigv4.ReasonScope},
		{"the day before", func(r *sigv4.Request) { edit(r, testDay, "20261121") }, sigv4.ReasonScope},

		{"no X-Amz-Date", func(r *sigv4.Request) { drop(r, "X-Amz-Date") }, sigv4.ReasonDate},
		{"Date in its place", func(r *sigv4.Request) {
			drop(r, "X-Amz-Date")
			add(r, "Date", "Sun, 22 Nov 2026 22:49:49 GMT")
			edit(r, "host;x-amz-date", "date;host")
		}, sigv4.ReasonDate},
		{"two X-Amz-Date", func(r *sigv4.Request) { add(r, "x-amz-date", testDate) }, sigv4.ReasonDate},
		{"date with a zone", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261122T225959+00") }, sigv4.ReasonDate},
		{"date with dashes", func(r *sigv4.Request) { set(r, "X-Amz-Date", "2026-11-22T22:49:49Z") }, sigv4.ReasonDate},
		{"date of 15", func(r *sigv4.Request) { set(r, "X-Amz-Date", testDate[:15]) }, sigv4.ReasonDate},
		{"date with a fraction", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261122T224949.0Z") }, sigv4.ReasonDate},
		{"no such month", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261322T224949Z") }, sigv4.ReasonDate},
		{"no such day", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261131T224949Z") }, sigv4.ReasonDate},
		{"no such second", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261122T224960Z") }, sigv4.ReasonDate},
		{"signs in the date", func(r *sigv4.Request) { set(r, "X-Amz-Date", "20261122T-1+1-1Z") }, sigv4.ReasonDate},

		{"no Host", func(r *sigv4.Request) { drop(r, "Host") }, sigv4.ReasonHost},
		{"two Hosts", func(r *sigv4.Request) { add(r, "host", testHost) }, sigv4.ReasonHost},
		{"another Host", func(r *sigv4.Request) { set(r, "Host", "staging.example") }, sigv4.ReasonHost},
		{"Host without its port", func(r *sigv4.Request) { set(r, "Host", "127.0.0.1") }, sigv4.ReasonHost},
		{"empty Host", func(r *sigv4.Request) { set(r, "Host", "") }, sigv4.ReasonHost},

		{"host not signed", func(r *sigv4.Request) { edit(r, "host;", "") }, sigv4.ReasonUnsigned},
		{"date not signed", func(r *sigv4.Request) { edit(r, ";x-amz-date", "") }, sigv4.ReasonUnsigned},
		{"content type not signed", func(r *sigv4.Request) { add(r, "content-TYPE", "application/json") }, sigv4.ReasonUnsigned},
		{"target not signed", func(r *sigv4.Request) { add(r, "X-Amz-Target", "Outposts.GetConnection") }, sigv4.ReasonUnsigned},
		{"user agent not signed", func(r *sigv4.Request) { add(r, "x-amz-user-agent", "x") }, sigv4.ReasonUnsigned},
		{"payload hash not signed", func(r *sigv4.Request) { add(r, "x-amz-content-sha256", emptyHash) }, sigv4.ReasonUnsigned},
		{"session token not signed", func(r *sigv4.Request) { add(r, "X-AMZ-Security-Token", "abc") }, sigv4.ReasonToken},

		{"signed list empty", func(r *sigv4.Request) { edit(r, "host;x-amz-date", "") }, sigv4.ReasonHeaders},
		{"signed list unsorted", func(r *sigv4.Request) { edit(r, "host;x-amz-date", "x-amz-date;host") }, sigv4.ReasonHeaders},
		{"signed list in capitals", func(r *sigv4.Request) { edit(r, "host;", "Host;") }, sigv4.ReasonHeaders},
		{"signed list with a name twice", func(r *sigv4.Request) { edit(r, "host;", "host;host;") }, sigv4.ReasonHeaders},
		{"signed list with an absent field", func(r *sigv4.Request) { edit(r, "host;", "host;range;") }, sigv4.ReasonHeaders},
		{"signed list with an empty name", func(r *sigv4.Request) { edit(r, "host;", "host;;") }, sigv4.ReasonHeaders},
		{"signed list with a last semicolon", func(r *sigv4.Request) { edit(r, "x-amz-date", "x-amz-date;") }, sigv4.ReasonHeaders},
		{"signed list with a space", func(r *sigv4.Request) { edit(r, "host;", "host; ") }, sigv4.ReasonHeaders},
		{"signed list with a line break", func(r *sigv4.Request) { edit(r, "host;", "host\n;") }, sigv4.ReasonHeaders},
		{"signed list too long", func(r *sigv4.Request) {
			var names strings.Builder
			for i := range 63 {
				fmt.Fprintf(&names, "a%02d;", i)
				add(r, fmt.Sprintf("a%02d", i), "")
			}
			edit(r, "host;", names.String()+"host;")
		}, sigv4.ReasonHeaders},
		{"signed field twice", func(r *sigv4.Request) {
			edit(r, "host;", "accept;host;")
			add(r, "Accept", "a")
			add(r, "accept", "a")
		}, sigv4.ReasonHeaders},
		{"signed field with a line break", func(r *sigv4.Request) {
			edit(r, "host;", "accept;host;")
			add(r, "Accept", "a\nhost:staging.example")
		}, sigv4.ReasonHeaders},
		{"signed field with NUL", func(r *sigv4.Request) {
			edit(r, "host;", "accept;host;")
			add(r, "Accept", "a\x00b")
		}, sigv4.ReasonHeaders},

		{"query signature beside", func(r *sigv4.Request) { r.Query = "X-Amz-Signature=" + emptyHash }, sigv4.ReasonPresigned},
		{"query signature alone", func(r *sigv4.Request) {
			r.Query = "a=b&x-amz-Signature="
			drop(r, "Authorization")
		}, sigv4.ReasonPresigned},
		{"query token, name escaped", func(r *sigv4.Request) { r.Query = "%58-Am%7a-Security-Token=x" }, sigv4.ReasonPresigned},
		{"query name without value", func(r *sigv4.Request) { r.Query = "a=b&X-Amz-Expires" }, sigv4.ReasonPresigned},

		{"method in lower case", func(r *sigv4.Request) { r.Method = "get" }, sigv4.ReasonTarget},
		{"no method", func(r *sigv4.Request) { r.Method = "" }, sigv4.ReasonTarget},
		{"method with a line break", func(r *sigv4.Request) { r.Method = "GET\n/" }, sigv4.ReasonTarget},
		{"long method", func(r *sigv4.Request) { r.Method = strings.Repeat("A", 17) }, sigv4.ReasonTarget},
		{"empty path", func(r *sigv4.Request) { r.Path = "" }, sigv4.ReasonTarget},
		{"absolute form", func(r *sigv4.Request) { r.Path = "http://" + testHost + "/connections/abc" }, sigv4.ReasonTarget},
		{"asterisk form", func(r *sigv4.Request) { r.Path = "*" }, sigv4.ReasonTarget},
		{"dot segment", func(r *sigv4.Request) { r.Path = "/connections/./abc" }, sigv4.ReasonTarget},
		{"two dots at the end", func(r *sigv4.Request) { r.Path = "/connections/.." }, sigv4.ReasonTarget},
		{"empty segment", func(r *sigv4.Request) { r.Path = "//connections/abc" }, sigv4.ReasonTarget},
		{"raw 0xFF in the path", func(r *sigv4.Request) { r.Path = "/connections/\xff" }, sigv4.ReasonTarget},
		{"fragment in the path", func(r *sigv4.Request) { r.Path = "/connections/a#b" }, sigv4.ReasonTarget},
		{"question mark in the path", func(r *sigv4.Request) { r.Path = "/connections/a?b" }, sigv4.ReasonTarget},
		{"space in the path", func(r *sigv4.Request) { r.Path = "/connections/a b" }, sigv4.ReasonTarget},
		{"broken escape in the query", func(r *sigv4.Request) { r.Query = "a=%4" }, sigv4.ReasonTarget},
		{"no escape in the query", func(r *sigv4.Request) { r.Query = "a=%4g" }, sigv4.ReasonTarget},
		{"semicolon in the query", func(r *sigv4.Request) { r.Query = "x=1;y=2" }, sigv4.ReasonTarget},
		{"plus in the query", func(r *sigv4.Request) { r.Query = "x=1+2" }, sigv4.ReasonTarget},
		{"empty parameter", func(r *sigv4.Request) { r.Query = "x=1&&y=2" }, sigv4.ReasonTarget},
		{"257 parameters", func(r *sigv4.Request) { r.Query = strings.Repeat("a=b&", 256) + "c=d" }, sigv4.ReasonTarget},
	}
	seen := make(map[sigv4.Reason]bool)
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			req := signed(get())
			test.change(&req)
			claim, err := testVerifier().Parse(&req)
			wantRefusal(t, err, test.want)
			if claim.Verify(testKey()) {
				t.Error("a refused claim verifies")
			}
			seen[test.want] = true
		})
	}
	for _, reason := range reasons() {
		ownTest := reason == sigv4.ReasonSkew || reason == sigv4.ReasonPayload
		if !seen[reason] && !ownTest {
			t.Errorf("no case is refused for %s", reason)
		}
	}
}

func TestRefusedPayload(t *testing.T) {
	body := sha256.Sum256([]byte(`{"AssetId":"1"}`))
	for _, test := range []struct {
		name, header, value string
	}{
		{"unsigned", "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD"},
		{"streaming", "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"},
		{"streaming with trailer", "X-Amz-Content-Sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"},
		{"hash of something else", "X-Amz-Content-Sha256", emptyHash},
		{"hash in capitals", "X-Amz-Content-Sha256", strings.ToUpper(hex.EncodeToString(body[:]))},
		{"no hash", "X-Amz-Content-Sha256", ""},
		{"chunked", "Content-Encoding", "gzip, AWS-chunked"},
		{"trailer", "X-Amz-Trailer", "x-amz-checksum-crc32"},
		{"decoded length", "x-amz-decoded-content-length", "15"},
	} {
		t.Run(test.name, func(t *testing.T) {
			req := signed(sigv4.Request{
				Method: "POST", Path: "/connections", PayloadHash: body,
				Fields: []sigv4.Field{{"Host", testHost}, {test.header, test.value}},
			})
			_, err := accepted(testVerifier(), &req)
			wantRefusal(t, err, sigv4.ReasonPayload)
		})
	}
	t.Run("hash twice", func(t *testing.T) {
		req := signed(sigv4.Request{
			Method: "POST", Path: "/connections", PayloadHash: body,
			Fields: []sigv4.Field{{"Host", testHost}, {"X-Amz-Content-Sha256", hex.EncodeToString(body[:])}},
		})
		add(&req, "x-amz-content-sha256", hex.EncodeToString(body[:]))
		_, err := accepted(testVerifier(), &req)
		wantRefusal(t, err, sigv4.ReasonPayload)
	})
	t.Run("right", func(t *testing.T) {
		req := signed(sigv4.Request{
			Method: "POST", Path: "/connections", PayloadHash: body,
			Fields: []sigv4.Field{{"Host", testHost}, {"X-Amz-Content-Sha256", hex.EncodeToString(body[:])}},
		})
		if ok, err := accepted(testVerifier(), &req); !ok {
			t.Errorf("not accepted: %v", err)
		}
		req.PayloadHash = sha256.Sum256(nil)
		_, err := accepted(testVerifier(), &req)
		wantRefusal(t, err, sigv4.ReasonPayload)
	})
}
