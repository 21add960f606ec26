package sigv4_test

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"pgregory.net/rapid"
)

// One change to a signed request, whatever it is, must be refused unless it
// changes nothing that the signature stands for.
func TestMutations(t *testing.T) {
	outcomes := make(map[string]int)
	rapid.Check(t, func(t *rapid.T) {
		original := signed(unsignedRequest().Draw(t, "request"))
		original.Fields = append(original.Fields, sigv4.Field{"User-Agent", "aws-cli/2.9.19 command/outposts.get-connection"})
		if ok, err := accepted(testVerifier(), &original); !ok {
			t.Fatalf("the original is refused: %v", err)
		}
		changed := mutate(t, original)
		ok, _ := accepted(testVerifier(), &changed)
		was, is := meaning(&original), meaning(&changed)
		if ok && was != is {
			t.Fatalf("accepted although it means something else:\nwas %s\nis  %s", was, is)
		}
		outcomes[fmt.Sprintf("accepted %t, same meaning %t", ok, was == is)]++
	})
	if outcomes["accepted false, same meaning false"] == 0 || outcomes["accepted true, same meaning true"] == 0 {
		t.Errorf("the changes are too tame: %v", outcomes)
	}
}

func mutate(t *rapid.T, req sigv4.Request) sigv4.Request {
	req.Fields = slices.Clone(req.Fields)
	index := func() int { return rapid.IntRange(0, len(req.Fields)-1).Draw(t, "field") }
	switch rapid.SampledFrom([]string{
		"method", "path", "query", "name", "value", "value", "value", "payload", "drop", "duplicate",
		"swap", "unsigned amz", "unsigned", "authorization", "parameter", "case",
	}).Draw(t, "mutation") {
	case "method":
		req.Method = mutateText(t, req.Method)
	case "path":
		req.Path = mutateText(t, req.Path)
	case "query":
		req.Query = mutateText(t, req.Query)
	case "name":
		f := &req.Fields[index()]
		f.Name = mutateText(t, f.Name)
	case "value":
		f := &req.Fields[index()]
		f.Value = mutateText(t, f.Value)
	case "payload":
		req.PayloadHash = sha256.Sum256([]byte(rapid.StringN(1, 3, -1).Draw(t, "body")))
	case "drop":
		i := index()
		req.Fields = slices.Delete(req.Fields, i, i+1)
	case "duplicate":
		i := index()
		f := req.Fields[i]
		if rapid.Bool().Draw(t, "with another value") {
			f.Value = mutateText(t, f.Value)
		}
		req.Fields = slices.Insert(req.Fields, rapid.IntRange(0, len(req.Fields)).Draw(t, "place"), f)
	case "swap":
		i, j := index(), index()
		req.Fields[i], req.Fields[j] = req.Fields[j], req.Fields[i]
	case "unsigned amz":
		name := rapid.SampledFrom([]string{"X-Amz-Security-Token", "x-amz-target", "X-AMZ-Content-Sha256", "x-amz-", "X-Amz-Date", "x-amz-meta-é"}).Draw(t, "name")
		req.Fields = append(req.Fields, sigv4.Field{name, rapid.SampledFrom([]string{"", "x", emptyHash}).Draw(t, "text")})
	case "unsigned":
		name := rapid.SampledFrom([]string{"X-Forwarded-For", "X_Amz_Date", "Cookie", "X-Amzn-Trace-Id", "Range"}).Draw(t, "name")
		req.Fields = append(req.Fields, sigv4.Field{name, "x"})
	case "authorization":
		mutateAuthorization(t, &req)
	case "parameter":
		pairs := strings.Split(req.Query, "&")
		i := rapid.IntRange(0, len(pairs)-1).Draw(t, "pair")
		switch rapid.IntRange(0, 3).Draw(t, "how") {
		case 0:
			pairs = append(pairs, pairs[i])
		case 1:
			pairs = slices.Delete(pairs, i, i+1)
		case 2:
			pairs[0], pairs[i] = pairs[i], pairs[0]
		case 3:
			pairs = append(pairs, rapid.SampledFrom([]string{"X-Amz-Expires=1", "b=1", "b", "", "="}).Draw(t, "pair"))
		}
		req.Query = strings.Join(pairs, "&")
	case "case":
		f := &req.Fields[index()]
		f.Name = rapid.SampledFrom([]func(string) string{strings.ToLower, strings.ToUpper}).Draw(t, "case")(f.Name)
	}
	return req
}

// mutateText flips a bit, or inserts, drops, doubles or escapes a character.
func mutateText(t *rapid.T, s string) string {
	b := []byte(s)
	i := rapid.IntRange(0, len(b)).Draw(t, "position")
	if i == len(b) {
		return s + string(rapid.SampledFrom([]byte(" \ta/0&=;%\n")).Draw(t, "last"))
	}
	switch rapid.IntRange(0, 4).Draw(t, "how") {
	case 0:
		b[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
	case 1:
		b = slices.Delete(b, i, i+1)
	case 2:
		b = slices.Insert(b, i, b[i])
	case 3:
		b = slices.Insert(b, i, rapid.SampledFrom([]byte(" \t/,;&=.%\r")).Draw(t, "insert"))
	case 4:
		b = slices.Replace(b, i, i+1, fmt.Appendf(nil, "%%%02x", b[i])...)
	}
	return string(b)
}

// mutateAuthorization replaces one of the field's parts by another that is just
// as well formed.
func mutateAuthorization(t *rapid.T, req *sigv4.Request) {
	value := field(req, "Authorization")
	a, err := sigv4.ParseAuthorization(value)
	if err != nil {
		t.Fatal(err)
	}
	names := strings.Split(a.SignedHeaders, ";")
	i := rapid.IntRange(0, len(names)-1).Draw(t, "signed name")
	edits := [][2]string{
		{"/" + testRegion + "/", "/eu-west-1/"},
		{testDay, "20261123"},
		{testID, "GPKOTHER"},
		{", ", ","},
		{"Signature=", "Signature=0"},
		{"SignedHeaders=" + a.SignedHeaders, "SignedHeaders=" + strings.Join(slices.Delete(slices.Clone(names), i, i+1), ";")},
		{"SignedHeaders=" + a.SignedHeaders, "SignedHeaders=" + strings.Join(slices.Insert(slices.Clone(names), i, names[i]), ";")},
		{"SignedHeaders=" + a.SignedHeaders, "SignedHeaders=" + a.SignedHeaders + ";user-agent"},
		{"x-amz-date", "user-agent;x-amz-date"},
	}
	edit := rapid.SampledFrom(edits).Draw(t, "edit")
	set(req, "Authorization", strings.Replace(value, edit[0], edit[1], 1))
}

// meaning writes down what a signature stands for, by other means than the
// package: method, path, the decoded query, the body, every field that is signed
// or has to be, and the Authorization itself.
func meaning(req *sigv4.Request) string {
	var parts []string
	for pair := range strings.SplitSeq(req.Query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		n, err1 := url.PathUnescape(name)
		v, err2 := url.PathUnescape(value)
		if err1 != nil || err2 != nil {
			n, v = "undecodable", pair
		}
		parts = append(parts, fmt.Sprintf("query %q=%q", n, v))
	}
	var signedNames []string
	for _, f := range req.Fields {
		if strings.EqualFold(f.Name, "Authorization") {
			_, list, _ := strings.Cut(f.Value, "SignedHeaders=")
			list, _, _ = strings.Cut(list, ",")
			signedNames = append(signedNames, strings.Split(list, ";")...)
		}
	}
	for _, f := range req.Fields {
		name := strings.ToLower(f.Name)
		value := strings.Trim(f.Value, " \t")
		for strings.Contains(value, "  ") {
			value = strings.ReplaceAll(value, "  ", " ")
		}
		switch {
		case name == "authorization":
			value = strings.ReplaceAll(value, ", ", ",")
		case name == "host", name == "content-type", strings.HasPrefix(name, "x-amz-"), slices.Contains(signedNames, name):
		default:
			continue
		}
		parts = append(parts, fmt.Sprintf("field %q=%q", name, value))
	}
	slices.Sort(parts)
	return fmt.Sprintf("%q %q %x %s", req.Method, req.Path, req.PayloadHash, strings.Join(parts, " "))
}
