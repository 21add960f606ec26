package cloudtrail_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// least has what every record has to have.
const least = `"eventVersion":"1.11","eventTime":"2026-11-26T01:02:03Z","eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":"us-west-2","eventID":"e1"`

// leastRecord is the record of least, changed by edit.
func leastRecord(edit func(*cloudtrail.Record)) cloudtrail.Record {
	r := cloudtrail.Record{
		EventVersion: "1.11",
		EventTime:    time.Date(2026, 11, 26, 1, 2, 3, 0, time.UTC),
		EventSource:  "outposts.amazonaws.com",
		EventName:    "GetConnection",
		AWSRegion:    "us-west-2",
		EventID:      "e1",
	}
	if edit != nil {
		edit(&r)
	}
	return r
}

func TestParseRecordUserGuide(t *testing.T) {
	data, err := os.ReadFile("testdata/set-site-address.json")
	if err != nil {
		t.Fatal(err)
	}
	got, err := cloudtrail.ParseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	want := cloudtrail.Record{
		EventVersion: "1.05",
		UserIdentity: cloudtrail.UserIdentity{
			Type:        "AssumedRole",
			PrincipalID: "AKIAIOSFODNN7EXAMPLE:jdoe",
			ARN:         "arn:aws:sts::111122223333:assumed-role/example/jdoe",
			AccountID:   "111122223333",
			AccessKeyID: "AKIAI44QH8DHBEXAMPLE",
			IssuerARN:   "arn:aws:iam::111122223333:role/example",
			SourceID:    "installer-fra1",
		},
		EventTime:   time.Date(2020, 8, 14, 16, 32, 23, 0, time.UTC),
		EventSource: "outposts.amazonaws.com",
		EventName:   "SetSiteAddress",
		AWSRegion:   "us-west-2",
		SourceIP:    "203.0.113.7",
		UserAgent:   "userAgent",
		RequestID:   "1abcd23e-f4gh-567j-klm8-9np01q234r56",
		EventID:     "1234a56b-c78d-9e0f-g1h2-34jk56m7n890",
		EventType:   "AwsApiCall",
		RecipientID: "111122223333",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("record (-want +got):\n%s", diff)
	}
}

func TestParseRecord(t *testing.T) {
	long := strings.Repeat("x", 5000)
	for _, tt := range []struct {
		name, members string
		want          func(*cloudtrail.Record)
	}{
		{"only what is required", ``, nil},
		{"null for all that is optional", `,"userIdentity":null,"sourceIPAddress":null,"userAgent":null,"errorCode":null,"errorMessage":null,"requestParameters":null,"responseElements":null,"requestID":null,"sharedEventID":null,"readOnly":null,"eventType":null,"recipientAccountId":null,"vpcEndpointId":null,"tlsDetails":null,"addendum":null`, nil},
		{"members of later versions", `,"edgeDeviceDetails":[{"x":[1,2.5e3,true]}],"eventVersion":"1.99"`, func(r *cloudtrail.Record) { r.EventVersion = "1.99" }},
		{"a read", `,"userAgent":"aws-cli/2.9 gatepost/1.2 evt/x","requestParameters":{"connectionId":"abc/+="},"responseElements":null,"requestID":"r1","readOnly":true,"eventType":"AwsApiCall","managementEvent":true,"eventCategory":"Management","tlsDetails":{"tlsVersion":"TLSv1.3","cipherSuite":"TLS_AES_128_GCM_SHA256","clientProvidedHostHeader":"outposts.us-west-2.amazonaws.com","keyExchange":"x25519"}`, func(r *cloudtrail.Record) {
			r.UserAgent, r.RequestID, r.ReadOnly, r.EventType = "aws-cli/2.9 gatepost/1.2 evt/x", "r1", true, "AwsApiCall"
			r.Request.ConnectionID = "abc/+="
			r.TLS = cloudtrail.TLS{Version: "TLSv1.3", Cipher: "TLS_AES_128_GCM_SHA256", Host: "outposts.us-west-2.amazonaws.com"}
		}},
		{"the model's letter case", `,"requestParameters":{"ConnectionId":"abc"}`, func(r *cloudtrail.Record) { r.Request.ConnectionID = "abc" }},
		{"a masked id", `,"requestParameters":{"connectionId":"***"}`, func(r *cloudtrail.Record) { r.Request.ConnectionID = "***" }},
		{"an id that is no string", `,"requestParameters":{"connectionId":{"a":1}}`, nil},
		{"parameters that are no object", `,"requestParameters":"none"`, nil},
		{"parameters left out", `,"requestParameters":{"omitted":true,"originalSize":118712,"reason":"requestParameters too large"}`, nil},
		{"readOnly in a string", `,"readOnly":"true"`, func(r *cloudtrail.Record) { r.ReadOnly = true }},
		{"not readOnly in a string", `,"readOnly":"false"`, nil},
		{"called by a service", `,"userIdentity":{"type":"AWSService","invokedBy":"outposts.amazonaws.com"},"sourceIPAddress":"AWS Internal"`, func(r *cloudtrail.Record) {
			r.UserIdentity = cloudtrail.UserIdentity{Type: "AWSService", InvokedBy: "outposts.amazonaws.com"}
			r.SourceIP = "AWS Internal"
		}},
		{"session without an issuer", `,"userIdentity":{"type":"IAMUser","userName":"u","sessionContext":{"sessionIssuer":null}}`, func(r *cloudtrail.Record) {
			r.UserIdentity = cloudtrail.UserIdentity{Type: "IAMUser", UserName: "u"}
		}},
		{"refused", `,"errorCode":"AccessDenied","errorMessage":"not authorized"`, func(r *cloudtrail.Record) {
			r.ErrorCode, r.ErrorMessage = "AccessDenied", "not authorized"
		}},
		{"updated data", `,"addendum":{"reason":"UPDATED_DATA","updatedFields":"requestID, userAgent","originalRequestID":"r0","originalEventID":"e0"}`, func(r *cloudtrail.Record) {
			r.Addendum = &cloudtrail.Addendum{Reason: "UPDATED_DATA", UpdatedFields: []string{"requestID", "userAgent"}, OriginalRequestID: "r0", OriginalEventID: "e0"}
		}},
		{"updated data in a list", `,"addendum":{"reason":"UPDATED_DATA","updatedFields":["requestID","userAgent"]}`, func(r *cloudtrail.Record) {
			r.Addendum = &cloudtrail.Addendum{Reason: "UPDATED_DATA", UpdatedFields: []string{"requestID", "userAgent"}}
		}},
		{"delayed", `,"addendum":{"reason":"DELIVERY_DELAY"}`, func(r *cloudtrail.Record) {
			r.Addendum = &cloudtrail.Addendum{Reason: "DELIVERY_DELAY"}
		}},
		{"long strings are cut", `,"userAgent":"` + long + `","errorMessage":"` + long[:1023] + `é"`, func(r *cloudtrail.Record) {
			r.UserAgent, r.ErrorMessage = long[:1024], long[:1023]
		}},
		{"time in another zone", `,"eventTime":"2026-11-26T02:02:03.5+01:00"`, func(r *cloudtrail.Record) {
			r.EventTime = r.EventTime.Add(500 * time.Millisecond)
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := cloudtrail.ParseRecord([]byte("{" + least + tt.members + "}"))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(leastRecord(tt.want), got); diff != "" {
				t.Errorf("record (-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseRecordMalformed(t *testing.T) {
	for _, tt := range []struct{ name, data, want string }{
		{"nothing", ``, "unexpected end"},
		{"null", `null`, "no eventVersion"},
		{"a list", `[]`, "cannot unmarshal array"},
		{"cut off", `{` + least, "unexpected end"},
		{"more behind it", `{` + least + `}{}`, "after top-level value"},
		{"another major version", `{` + least + `,"eventVersion":"2.0"}`, `"e1": eventVersion "2.0" is not 1.x`},
		{"major version that begins alike", `{` + least + `,"eventVersion":"10.1"}`, `eventVersion "10.1" is not 1.x`},
		{"version without a minor", `{` + least + `,"eventVersion":"1"}`, `eventVersion "1" is not 1.x`},
		{"version of words", `{` + least + `,"eventVersion":"1.x"}`, `eventVersion "1.x" is not 1.x`},
		{"no version", `{` + least + `,"eventVersion":""}`, "no eventVersion"},
		{"no id", `{` + least + `,"eventID":""}`, "no eventID"},
		{"no name", `{` + least + `,"eventName":""}`, "no eventName"},
		{"no region", `{` + least + `,"awsRegion":""}`, "no awsRegion"},
		{"no source", `{` + least + `,"eventSource":""}`, "no eventSource"},
		{"no time", `{` + least + `,"eventTime":""}`, "no eventTime"},
		{"a time of another form", `{` + least + `,"eventTime":"1606348923"}`, "is not a time"},
		{"a time that has no year in UTC", `{` + least + `,"eventTime":"9999-12-31T23:59:59-01:00"}`, "is not a time"},
		{"an endless id", `{` + least + `,"eventID":"` + strings.Repeat("e", 300) + `"}`, "eventID of 300 bytes"},
		{"readOnly is a number", `{` + least + `,"readOnly":1}`, `readOnly is "1"`},
		{"an agent that is no string", `{` + least + `,"userAgent":["x"]}`, "userAgent"},
		{"updated fields of numbers", `{` + least + `,"addendum":{"updatedFields":[1]}}`, "updatedFields"},
		{"too large", `{` + least + `,"x":"` + strings.Repeat("x", cloudtrail.MaxRecordBytes) + `"}`, "more than a record can have"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r, err := cloudtrail.ParseRecord([]byte(tt.data))
			if err == nil {
				t.Fatalf("no error, and %+v", r)
			}
			if !strings.HasPrefix(err.Error(), "parse CloudTrail record") || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %q, want one with %q", err, tt.want)
			}
		})
	}
}

func TestRecordJSON(t *testing.T) {
	data, err := os.ReadFile("testdata/set-site-address.json")
	if err != nil {
		t.Fatal(err)
	}
	first, err := cloudtrail.ParseRecord(data)
	if err != nil {
		t.Fatal(err)
	}
	first.Addendum = &cloudtrail.Addendum{Reason: "UPDATED_DATA", UpdatedFields: []string{"a", "b"}, OriginalEventID: "e0"}
	first.Request.ConnectionID = "<a&b>"
	archived, err := json.Marshal(first)
	if err != nil {
		t.Fatal(err)
	}
	var second cloudtrail.Record
	if err := json.Unmarshal(archived, &second); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first, second); diff != "" {
		t.Errorf("record after a round trip (-want +got):\n%s", diff)
	}
	if err := json.Unmarshal([]byte(`{"eventID":"e1"}`), &second); err == nil {
		t.Error("half a record was unmarshaled")
	}
}

func TestUnknown(t *testing.T) {
	for value, want := range map[string]bool{
		"": true, "***": true, "****": true, "HIDDEN_DUE_TO_SECURITY_REASONS": true,
		"a": false, "a***": false, "null": false,
	} {
		if got := cloudtrail.Unknown(value); got != want {
			t.Errorf("Unknown(%q) = %v", value, got)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	if data, err := os.ReadFile("testdata/set-site-address.json"); err != nil {
		f.Fatal(err)
	} else {
		f.Add(data)
	}
	f.Add([]byte("{" + least + `,"addendum":{"updatedFields":"a,b"},"requestParameters":{"CONNECTIONID":"\ud800"},"readOnly":"true"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		first, err := cloudtrail.ParseRecord(data)
		if err != nil {
			return
		}
		archived, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("marshal %+v: %v", first, err)
		}
		second, err := cloudtrail.ParseRecord(archived)
		if err != nil {
			t.Fatalf("parse %s: %v", archived, err)
		}
		if diff := cmp.Diff(first, second); diff != "" {
			t.Errorf("record after a round trip (-want +got):\n%s", diff)
		}
	})
}
