package upstream

import "testing"

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
		{"us-west-2", "https://sim.example:", false, "https://sim.example", "aws", "sim.example:443"},
		{"us-west-2", "http://sim.example:443", false, "http://sim.example:443", "aws", "sim.example:443"},
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
