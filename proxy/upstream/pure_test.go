package upstream

import (
	"net/http"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

func TestEndpoints(t *testing.T) {
	for _, test := range []struct {
		region, override string
		fips             bool
		want, partition  string
		address          string
	}{
		{"us-west-2", "", false, "https://outposts.us-west-2.amazonaws.com", "aws", "outposts.us-west-2.amazonaws.com:443"},
		{"us-west-2", "", true, "https://outposts-fips.us-west-2.amazonaws.com", "aws", "outposts-fips.us-west-2.amazonaws.com:443"},
		{"us-gov-west-1", "", false, "https://outposts.us-gov-west-1.amazonaws.com", "aws-us-gov", "outposts.us-gov-west-1.amazonaws.com:443"},
		{"us-gov-west-1", "", true, "https://outposts.us-gov-west-1.amazonaws.com", "aws-us-gov", "outposts.us-gov-west-1.amazonaws.com:443"},
		{"cn-north-1", "", false, "https://outposts.cn-north-1.amazonaws.com.cn", "aws-cn", "outposts.cn-north-1.amazonaws.com.cn:443"},
		{"cn-north-1", "", true, "https://outposts-fips.cn-north-1.amazonaws.com.cn", "aws-cn", "outposts-fips.cn-north-1.amazonaws.com.cn:443"},
		{"eusc-de-east-1", "", false, "https://outposts.eusc-de-east-1.amazonaws.eu", "aws-eusc", "outposts.eusc-de-east-1.amazonaws.eu:443"},
		{"us-iso-east-1", "", false, "https://outposts.us-iso-east-1.c2s.ic.gov", "aws-iso", "outposts.us-iso-east-1.c2s.ic.gov:443"},
		{"us-isob-east-1", "", false, "https://outposts.us-isob-east-1.sc2s.sgov.gov", "aws-iso-b", "outposts.us-isob-east-1.sc2s.sgov.gov:443"},
		{"eu-isoe-west-1", "", false, "https://outposts.eu-isoe-west-1.cloud.adc-e.uk", "aws-iso-e", "outposts.eu-isoe-west-1.cloud.adc-e.uk:443"},
		{"us-isof-south-1", "", false, "https://outposts.us-isof-south-1.csp.hci.ic.gov", "aws-iso-f", "outposts.us-isof-south-1.csp.hci.ic.gov:443"},
		{"us-west-2", "http://127.0.0.1:4566", false, "http://127.0.0.1:4566", "aws", "127.0.0.1:4566"},
		{"us-west-2", "http://127.0.0.1:4566/", true, "http://127.0.0.1:4566", "aws", "127.0.0.1:4566"},
		{"us-west-2", "https://vpce-1.outposts.{region}.vpce.amazonaws.com:443", false, "https://vpce-1.outposts.us-west-2.vpce.amazonaws.com", "aws", "vpce-1.outposts.us-west-2.vpce.amazonaws.com:443"},
		{"us-west-2", "http://sim.example:80", false, "http://sim.example", "aws", "sim.example:80"},
		{"us-west-2", "https://[2001:db8::1]", false, "https://[2001:db8::1]", "aws", "[2001:db8::1]:443"},
		{"us-west-2", "https://[2001:db8::1]:8443", false, "https://[2001:db8::1]:8443", "aws", "[2001:db8::1]:8443"},
	} {
		endpoints, err := resolveEndpoints(t.Context(), &Config{Regions: []string{test.region}, Endpoint: test.override, FIPS: test.fips})
		if err != nil {
			t.Errorf("%+v: %v", test, err)
			continue
		}
		e := endpoints[test.region]
		if e.String() != test.want || e.partition != test.partition || e.address() != test.address || e.known != (test.override == "") {
			t.Errorf("%+v: got %+v, address %s", test, e, e.address())
		}
	}
}

func TestLoopbackNames(t *testing.T) {
	for host, want := range map[string]bool{
		"127.0.0.1": true, "127.0.0.1:80": true, "127.9.9.9": true, "localhost:1": true, "a.localhost": true, "[::1]:80": true, "[::1]": true,
		"10.0.0.1": false, "localhost.example": false, "outposts.us-west-2.amazonaws.com": false, "": false,
	} {
		if got := isLoopback(host); got != want {
			t.Errorf("%q: %v", host, got)
		}
	}
}

func TestSessionNames(t *testing.T) {
	for principal, want := range map[string]string{
		"installer-fra1":         "installer-fra1",
		"a@b.example":            "a@b.example",
		strings.Repeat("a", 64):  strings.Repeat("a", 64),
		"a":                      "a=ca978112ca1bbdcafac2",
		"":                       "=e3b0c44298fc1c149afb",
		"fra1/installer":         "fra1_installer=",
		"aws:root":               "aws_root=",
		strings.Repeat("a", 65):  strings.Repeat("a", 43) + "=",
		"x=0123456789abcdef0123": "x=0123456789abcdef0123=",
	} {
		got := sessionName(principal)
		if strings.HasSuffix(want, "=") {
			got = got[:max(0, len(got)-20)]
		}
		if got != want {
			t.Errorf("%q: %q, want %q", principal, got, want)
		}
	}
}

// No two principals share a session's name, whatever they are called, the names of
// others' sessions included.
func TestSessionNamesAreInjective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		names := rapid.OneOf(
			rapid.StringMatching(`[a-c/ =]{0,4}`),
			rapid.StringMatching(`[a-z]{1,3}=[0-9a-f]{20}`),
			rapid.String(),
		)
		a, b := names.Draw(t, "a"), names.Draw(t, "b")
		if rapid.Bool().Draw(t, "named after a session") {
			b = sessionName(a)
			if b == a {
				return
			}
		}
		for _, name := range []string{sessionName(a), sessionName(b)} {
			if !acceptedName.MatchString(name) {
				t.Fatalf("STS refuses %q", name)
			}
		}
		if a != b && sessionName(a) == sessionName(b) {
			t.Fatalf("%q and %q are both %q", a, b, sessionName(a))
		}
	})
}

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

func FuzzUserAgent(f *testing.F) {
	f.Add("aws-cli/2.9.19", "1.2.3", "01933e4f-9c3a-7b1e-8a4d-2f6b5c7d8e9f")
	f.Add("\r\nX: y", "(devel)", "\x00")
	f.Fuzz(func(t *testing.T, caller, version, eventID string) {
		agent := userAgent(caller, version, eventID)
		if len(agent) > maxUserAgent || printable(agent, len(agent)) != agent || !strings.Contains(agent, "gatepost/") {
			t.Errorf("%q", agent)
		}
	})
}
