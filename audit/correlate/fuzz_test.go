package correlate_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// FuzzCorrelator gives whatever lines and records there are, in the order of the
// input, each line of which is an entry of the log or a record; other lines let
// time pass.
func FuzzCorrelator(f *testing.F) {
	var seed []byte
	line := func(e audit.Event) { seed = append(audit.AppendLine(seed, &e), '\n') }
	for _, e := range concat(call(1, 1, answered(1)), call(2, 2, lost, answered(3)), orphan(4, 4, 60), call(5, 5)) {
		line(e)
	}
	seed = append(seed, "tick\n"...)
	for _, r := range []string{
		`{"eventVersion":"1.11","eventTime":"2026-11-20T12:00:01Z","eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":"us-west-2","requestID":"` + requestID(1) + `","eventID":"` + recordID(1) + `","eventType":"AwsApiCall"}`,
		`{"eventVersion":"1.11","eventTime":"2026-11-20T12:00:02Z","eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":"us-west-2","userAgent":"` + agent(2) + `","eventID":"` + recordID(2) + `","eventType":"AwsApiCall","sharedEventID":"s"}`,
		`{"eventVersion":"1.11","eventTime":"2026-11-20T12:00:02Z","eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":"us-west-2","eventID":"x","eventType":"AwsApiCall","addendum":{"reason":"UPDATED_DATA","originalEventID":"` + recordID(2) + `","originalRequestID":"` + requestID(3) + `"}}`,
		`{"eventVersion":"1.11","eventTime":"2026-11-20T12:00:04Z","eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":"us-west-2","eventID":"y","eventType":"AwsApiCall","userIdentity":{"arn":"` + identity + `"}}`,
	} {
		seed = append(append(seed, r...), '\n')
	}
	seed = append(seed, "tick\ntick\ntick\n"...)
	line(audit.Event{ID: callID(7), Kind: audit.KindVerdict, Time: at(9), Of: callID(2), OfAttempt: 1, State: "ambiguous", CloudTrailEventID: "y", Evidence: "weak"})
	line(audit.Event{ID: callID(8), Kind: audit.KindVerdict, Time: at(9), Of: callID(1), State: "matched", CloudTrailEventID: "z", Evidence: "event_token", Detail: "[requestID " + requestID(9) + "]"})
	line(audit.Event{ID: callID(9), Kind: audit.KindFinding, Time: at(9), State: "bypass", CloudTrailEventID: "z"})
	f.Add(seed)
	f.Add(bytes.Replace(seed, []byte("tick\n"), nil, 1))
	f.Fuzz(func(t *testing.T, input []byte) {
		c := correlate.New(correlate.Config{Keep: 4 * time.Hour})
		now := epoch
		index := uint64(0)
		findings := map[string]int{}
		var take func(events []audit.Event)
		entry := func(e audit.Event) {
			e.Index = index
			index++
			take(c.Entry(&e))
		}
		take = func(events []audit.Event) {
			for _, e := range events {
				if e.Kind == audit.KindFinding {
					if findings[e.CloudTrailEventID]++; findings[e.CloudTrailEventID] > 1 {
						t.Errorf("%s is found %d times", e.CloudTrailEventID, findings[e.CloudTrailEventID])
					}
				}
				if e.Kind == audit.KindVerdict && e.Of == "" {
					t.Errorf("a verdict on nothing: %+v", e)
				}
				if _, err := audit.ParseLine(audit.AppendLine(nil, &e)); err != nil {
					t.Error(err)
				}
				entry(e)
			}
		}
		low, since := c.Low(), c.Since()
		for part := range bytes.Lines(input) {
			part = bytes.TrimSuffix(part, []byte("\n"))
			if e, err := audit.ParseLine(part); err == nil {
				entry(e)
			} else if r, err := cloudtrail.ParseRecord(part); err == nil {
				take(c.Records(now, []cloudtrail.Record{r, r}))
			} else {
				now = now.Add(time.Duration(len(part)) * 11 * time.Minute)
				take(c.Tick(now))
				take(c.Covered(now, cloudtrail.Coverage{Region: region, Start: epoch, End: now, AsOf: now, Completeness: cloudtrail.Complete}))
			}
			if c.Low() < low || c.Since().Before(since) {
				t.Fatalf("Low %d, Since %v after %d, %v", c.Low(), c.Since(), low, since)
			}
			low, since = c.Low(), c.Since()
		}
		take(c.Tick(now.Add(1000 * time.Hour)))
		for state, n := range c.Counts() {
			if n > 1<<40 {
				t.Errorf("%d are %s", n, state)
			}
		}
	})
}
