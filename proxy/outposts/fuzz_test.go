package outposts_test

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"pgregory.net/rapid"
)

const idAlphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/="

// Every valid id survives the way there, however it is escaped.
func TestConnectionIDRoundTrip(t *testing.T) {
	ids := rapid.OneOf(
		rapid.StringOfN(rapid.RuneFrom([]rune(idAlphabet)), 1, 40, -1),
		rapid.StringOfN(rapid.RuneFrom([]rune("+/=a")), 1, 1024, -1),
		rapid.SampledFrom([]string{"=1+1", "+", "////", "====", strings.Repeat("/", 1024), strings.Repeat("a", 1024)}),
	)
	rapid.Check(t, func(t *rapid.T) {
		id := ids.Draw(t, "id")
		canonical := "/connections/" + string(outposts.EscapeLabel(nil, id))
		var sent strings.Builder
		sent.WriteString("/connections/")
		for _, c := range []byte(id) {
			escaped := string(outposts.EscapeLabel(nil, string(c)))
			switch {
			case c == '/' || rapid.Bool().Draw(t, "escaped"):
				if rapid.Bool().Draw(t, "lower case") && len(escaped) > 1 {
					escaped = strings.ToLower(escaped)
				}
				sent.WriteString(escaped)
			default:
				sent.WriteByte(c)
			}
		}
		for _, path := range []string{canonical, sent.String()} {
			target, err := outposts.Parse("GET", path, "")
			if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			if target.Name() != "GetConnection" || target.ConnectionID != id || target.Path != canonical {
				t.Fatalf("%s: %s of %q at %s", path, target.Name(), target.ConnectionID, target.Path)
			}
		}
	})
}

// What is accepted has one reading: the canonical target decodes to what came
// in, is its own canonical form, and leaves nothing to clean up.
func FuzzParse(f *testing.F) {
	for _, seed := range [][3]string{
		{"GET", "/connections/a%2Fb%2B%3D", ""},
		{"GET", "/connections/a%2fb+=", ""},
		{"GET", "/connections/a/b", ""},
		{"POST", "/connections", ""},
		{"GET", "/tags/arn%3Aaws%3Aoutposts%3Aus-west-2%3A1%3Aoutpost%2Fop-1", ""},
		{"GET", "/outposts", "NextToken=1%23%23a&MaxResults=5"},
		{"DELETE", "/tags/a%2Fb", "tagKeys=a&tagKeys=%C3%A9"},
		{"GET", "/sites/../connections/a", "x=1;y=2"},
		{"GET", "/a%252Fb/%2e%2e", "X-Amz-Date=1"},
		{"HEAD", "//", "&"},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, method, path, query string) {
		target, err := outposts.Parse(method, path, query)
		if err != nil {
			return
		}
		again, err := outposts.Parse(method, target.Path, target.Query)
		if err != nil || again != target {
			t.Fatalf("%+v becomes %+v (%v)", target, again, err)
		}

		was, err1 := url.PathUnescape(path)
		is, err2 := url.PathUnescape(target.Path)
		if err1 != nil || err2 != nil || was != is || strings.Count(path, "/") != strings.Count(target.Path, "/") {
			t.Fatalf("path %q becomes %q", path, target.Path)
		}
		if twice, err := url.PathUnescape(is); err != nil || twice != is {
			t.Fatalf("path %q decodes twice", path)
		}
		if strings.ContainsFunc(is, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune(";#%?\\", r) }) {
			t.Fatalf("path %q decodes to %q", path, is)
		}
		if target.ConnectionID == "" {
			for part := range strings.SplitSeq(strings.TrimPrefix(is, "/"), "/") {
				if is != "/" && (part == "" || part == "." || part == "..") {
					t.Fatalf("path %q leaves something to clean up", path)
				}
			}
		}

		if (target.Name() == "GetConnection") != (target.ConnectionID != "") {
			t.Fatalf("%s of %q", target.Name(), target.ConnectionID)
		}
		if target.ConnectionID != "" && (!outposts.ValidConnectionID(target.ConnectionID) || is != "/connections/"+target.ConnectionID || query != "") {
			t.Fatalf("%q gives id %q", path, target.ConnectionID)
		}

		before, after := pairs(query), pairs(target.Query)
		if before == nil || !slices.Equal(before, after) {
			t.Fatalf("query %q becomes %q", query, target.Query)
		}
	})
}

// pairs decodes a query and sorts it; nil if it cannot.
func pairs(query string) []string {
	decoded := []string{}
	if query == "" {
		return decoded
	}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		v, err := url.PathUnescape(value)
		if err != nil {
			return nil
		}
		decoded = append(decoded, name+"\x00"+v)
	}
	slices.Sort(decoded)
	return decoded
}

// An answer that passes is what encoding/json reads too: one object about that
// connection.
func FuzzCheckConnection(f *testing.F) {
	whole := wholeAnswer("abc")
	f.Add([]byte(whole))
	f.Add([]byte(whole + whole))
	f.Add([]byte(`{"ConnectionId":"abc","connectionid":"abd"}`))
	f.Add([]byte(`{"ConnectionDetails":{"AllowedIps":[""]}}`))
	f.Add([]byte(`[[[[[[[[[[[[]]]]]]]]]]]]`))
	f.Fuzz(func(t *testing.T, body []byte) {
		complete, err := outposts.CheckConnection(body, "abc")
		if err != nil {
			if complete {
				t.Fatal("complete beside an error")
			}
			return
		}
		var answer map[string]json.RawMessage
		if err := json.Unmarshal(body, &answer); err != nil || answer == nil {
			t.Fatalf("%q: %v", body, err)
		}
		var id *string
		if err := json.Unmarshal(orNull(answer["ConnectionId"]), &id); err != nil || id != nil && *id != "abc" {
			t.Fatalf("%q is about another connection (%v)", body, err)
		}
		if !complete {
			return
		}
		var details struct {
			ClientPublicKey, ServerPublicKey, ServerEndpoint string
			ClientTunnelAddress, ServerTunnelAddress         string
			AllowedIps                                       []string
		}
		err = json.Unmarshal(answer["ConnectionDetails"], &details)
		if err != nil || id == nil || details.ClientPublicKey == "" || details.ServerPublicKey == "" || details.ServerEndpoint == "" ||
			details.ClientTunnelAddress == "" || details.ServerTunnelAddress == "" || len(details.AllowedIps) == 0 || slices.Contains(details.AllowedIps, "") {
			t.Fatalf("%q is not complete (%v)", body, err)
		}
	})
}

func orNull(m json.RawMessage) json.RawMessage {
	if m == nil {
		return json.RawMessage("null")
	}
	return m
}
