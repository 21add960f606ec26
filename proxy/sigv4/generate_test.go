package sigv4_test

import (
	"crypto/sha256"
	"fmt"
	"strings"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"pgregory.net/rapid"
)

// label draws a path segment as it may come over the wire: mostly what clients
// make, with now and then an escape in lower case or one less.
func label() *rapid.Generator[string] {
	return rapid.Custom(func(t *rapid.T) string {
		var b strings.Builder
		for range rapid.IntRange(1, 12).Draw(t, "length") {
			switch c := rapid.ByteRange(0, 255).Draw(t, "byte"); {
			case 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9':
				b.WriteByte(c)
			case c == '=' || c == '+' || c == ':':
				if rapid.Bool().Draw(t, "raw") {
					b.WriteByte(c)
				} else {
					fmt.Fprintf(&b, "%%%02x", c)
				}
			default:
				fmt.Fprintf(&b, "%%%02X", c)
			}
		}
		return b.String()
	})
}

// fieldValue draws printable text with runs of spaces and tabs in it.
func fieldValue() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.RuneFrom([]rune("aZ09  \t,;:=\"/+%é")), 0, 12, -1)
}

// unsignedRequest draws a request of the product's profile that lacks only what
// Sign adds.
func unsignedRequest() *rapid.Generator[sigv4.Request] {
	return rapid.Custom(func(t *rapid.T) sigv4.Request {
		req := sigv4.Request{
			Method: rapid.SampledFrom([]string{"GET", "POST", "PUT", "PATCH", "DELETE"}).Draw(t, "method"),
			Path:   "/" + strings.Join(rapid.SliceOfN(label(), 0, 4).Draw(t, "path"), "/"),
			Fields: []sigv4.Field{{"Host", testHost}},
		}
		var pairs []string
		for range rapid.IntRange(0, 5).Draw(t, "parameters") {
			pair := rapid.SampledFrom([]string{"A", "a", "A-", "NextToken", "%C3%A9", "x.y"}).Draw(t, "name")
			if rapid.Bool().Draw(t, "with value") {
				pair += "=" + rapid.OneOf(label(), rapid.Just("")).Draw(t, "value")
			}
			pairs = append(pairs, strings.ReplaceAll(pair, "+", "%2B"))
		}
		req.Query = strings.Join(pairs, "&")
		names := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{
			"Accept-Encoding", "amz-sdk-request", "Amz-Sdk-Invocation-Id", "CONTENT-TYPE", "x-amz-user-agent", "X-Amz-Target", "a", "Zz",
		}), 0, 6, rapid.ID[string]).Draw(t, "names")
		for _, name := range names {
			req.Fields = append(req.Fields, sigv4.Field{name, strings.Trim(fieldValue().Draw(t, name), " \t")})
		}
		req.PayloadHash = sha256.Sum256(nil)
		return req
	})
}
