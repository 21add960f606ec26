package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"fmt"
	"net/url"
	"sort"
	"strings"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// referenceSignature signs req for the names in signedHeaders as AWS's
// documentation says it, slowly, sharing no code with the package.
func referenceSignature(req *sigv4.Request, signedHeaders string) string {
	escape := func(s string) string {
		return strings.ReplaceAll(url.QueryEscape(s), "+", "%20")
	}
	segments := strings.Split(req.Path, "/")
	for i := range segments {
		segments[i] = escape(segments[i])
	}
	var pairs [][2]string
	if req.Query != "" {
		for pair := range strings.SplitSeq(req.Query, "&") {
			name, value, _ := strings.Cut(pair, "=")
			name, _ = url.PathUnescape(name)
			value, _ = url.PathUnescape(value)
			pairs = append(pairs, [2]string{escape(name), escape(value)})
		}
	}
	sort.Slice(pairs, func(i, j int) bool { return pairs[i][0]+"\x00"+pairs[i][1] < pairs[j][0]+"\x00"+pairs[j][1] })
	var query strings.Builder
	for i, pair := range pairs {
		if i > 0 {
			query.WriteString("&")
		}
		query.WriteString(pair[0] + "=" + pair[1])
	}
	var headers strings.Builder
	for name := range strings.SplitSeq(signedHeaders, ";") {
		var values []string
		for _, f := range req.Fields {
			if strings.EqualFold(f.Name, name) {
				value := strings.Trim(f.Value, " \t")
				for strings.Contains(value, "  ") {
					value = strings.ReplaceAll(value, "  ", " ")
				}
				values = append(values, value)
			}
		}
		headers.WriteString(name + ":" + strings.Join(values, ",") + "\n")
	}
	canonical := fmt.Sprintf("%s\n%s\n%s\n%s\n%s\n%x", req.Method, strings.Join(segments, "/"), query.String(), headers.String(), signedHeaders, req.PayloadHash)
	hash := sha256.Sum256([]byte(canonical))
	mac := func(key []byte, s string) []byte {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(s))
		return h.Sum(nil)
	}
	scope := testDay + "/" + testRegion + "/outposts/aws4_request"
	key := []byte("AWS4" + testSecret)
	for part := range strings.SplitSeq(scope, "/") {
		key = mac(key, part)
	}
	return fmt.Sprintf("%x", mac(key, fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", testDate, scope, hash)))
}
