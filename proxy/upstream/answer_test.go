package upstream

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestParseError(t *testing.T) {
	for _, test := range []struct{ name, header, body, code, message string }{
		{"header", "NotFoundException", `{"Message":"gone"}`, "NotFoundException", "gone"},
		{"header with namespace and link", "com.amazonaws.outposts#NotFoundException:http://internal.amazon.com/", `{}`, "NotFoundException", ""},
		{"header wins", "NotFoundException", `{"__type":"ConflictException","code":"ValidationException","message":"x"}`, "NotFoundException", "x"},
		{"type", "", `{"__type":"com.amazonaws.outposts#ConflictException","code":"x"}`, "ConflictException", ""},
		{"code", "", `{"code":"ValidationException","message":"bad"}`, "ValidationException", "bad"},
		{"code in capitals", "", `{"Code":"ValidationException","errorMessage":"bad"}`, "ValidationException", "bad"},
		{"header that is no code", "<script>", `{"code":"ValidationException"}`, "ValidationException", ""},
		{"nothing", "", "", "", ""},
		{"HTML", "", "<html>503</html>", "", ""},
		{"HTML with a header", "ServiceUnavailable", "<html>503</html>", "ServiceUnavailable", ""},
		{"a list", "", `["code"]`, "", ""},
		{"null", "", `null`, "", ""},
		{"members of other types", "", `{"__type":1,"code":{"a":1},"message":["x"],"Message":"text"}`, "", "text"},
		{"a newline", "A\nB", "", "", ""},
		{"too long a code", strings.Repeat("A", 129), "", "", ""},
		{"too long a message", "A", `{"message":"` + strings.Repeat("é", 600) + `"}`, "A", strings.Repeat("é", 500)},
		{"invalid UTF-8", "A", "{\"message\":\"a\xffb\"}", "A", "a\uFFFDb"},
	} {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			if test.header != "" {
				h["X-Amzn-Errortype"] = []string{test.header}
			}
			code, message := parseError(h, []byte(test.body))
			if code != test.code || message != test.message {
				t.Errorf("got %q, %q; want %q, %q", code, message, test.code, test.message)
			}
		})
	}
}

func FuzzParseError(f *testing.F) {
	f.Add("NotFoundException", []byte(`{"Message":"gone"}`))
	f.Add("a#B:c", []byte(`{"__type":"x#Y","code":"Z","message":"m"}`))
	f.Add("", []byte(`{"code":"\u0000","message":"\ud800"}`))
	f.Fuzz(func(t *testing.T, header string, body []byte) {
		code, message := parseError(http.Header{"X-Amzn-Errortype": {header}}, body)
		if code != "" && !isCode(code) || len(code) > 128 {
			t.Errorf("code %q", code)
		}
		if len(message) > maxMessage || !utf8.ValidString(message) {
			t.Errorf("message %q", message)
		}
		for _, status := range []int{200, 400, 403, 429, 503} {
			if class := classify(status, code); !class.Valid() {
				t.Errorf("class %q", class)
			}
		}
	})
}
