package correlate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

const (
	region   = "us-west-2"
	account  = "123456789012"
	identity = "arn:aws:sts::123456789012:assumed-role/gatepost/fra1"
	endpoint = "https://outposts.us-west-2.amazonaws.com"
)

var epoch = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// at is so many seconds after the epoch of the tests.
func at(seconds float64) time.Time {
	return epoch.Add(time.Duration(seconds * float64(time.Second)))
}

func id(prefix byte, n int) string {
	return fmt.Sprintf("%02x000000-0000-4000-8000-%012x", prefix, n)
}

func requestID(n int) string { return id(0xaa, n) }
func recordID(n int) string  { return id(0xbb, n) }

// callID is an id as audit.NewID makes it, but for its random part.
func callID(n int) string { return fmt.Sprintf("019ab000-0000-7000-8000-%012x", n) }

// log is a log that is given to a correlator as it grows, and that takes what it
// returns.
type log struct {
	t       *testing.T
	config  correlate.Config
	c       *correlate.Correlator
	entries []audit.Event
	fed     int
	dropped int // entries that the test has no use for any more
}

func newLog(t *testing.T, config correlate.Config) *log {
	return &log{t: t, config: config, c: correlate.New(config)}
}

// publish appends what the correlator returned, and gives it back to it.
func (l *log) publish(events []audit.Event) []audit.Event {
	for _, e := range events {
		l.append(e)
	}
	l.feed()
	return events
}

func (l *log) append(e audit.Event) {
	e.Index, e.Origin = uint64(l.dropped+len(l.entries)), "gatepost/test"
	l.entries = append(l.entries, e)
}

func (l *log) feed() {
	for l.fed < len(l.entries) {
		e := l.entries[l.fed]
		l.fed++
		l.publish(l.c.Entry(&e))
	}
}

// write appends lines and gives them to the correlator.
func (l *log) write(events ...audit.Event) {
	for _, e := range events {
		l.append(e)
	}
	l.feed()
}

func (l *log) tick(seconds float64) []audit.Event { return l.publish(l.c.Tick(at(seconds))) }

func (l *log) records(seconds float64, records ...cloudtrail.Record) []audit.Event {
	return l.publish(l.c.Records(at(seconds), records))
}

// covered reads the hours around the tests' epoch.
func (l *log) covered(seconds float64) []audit.Event {
	return l.publish(l.c.Covered(at(seconds), cloudtrail.Coverage{
		Region: region, Start: epoch.Add(-time.Hour), End: at(seconds), AsOf: at(seconds), Completeness: cloudtrail.CompleteUnvalidated,
	}))
}

// restart goes on with a new correlator, as a new process would.
func (l *log) restart(seconds float64, archive ...cloudtrail.Record) {
	low := l.c.Low()
	config := l.config
	if config.Start.IsZero() && len(l.entries) > 0 {
		config.Start = l.entries[0].Time
	}
	l.c = correlate.New(config)
	l.fed = int(low)
	for l.fed < len(l.entries) {
		e := l.entries[l.fed]
		l.fed++
		if out := l.c.Entry(&e); out != nil {
			l.t.Errorf("before the first Tick, Entry returned %v", out)
		}
	}
	l.tick(seconds)
	l.records(seconds, archive...)
}

// states are the newest verdicts, as "call/attempt", and findings, as the record's
// id.
func (l *log) states() map[string]string {
	m := map[string]string{}
	for _, e := range l.entries {
		switch e.Kind {
		case audit.KindVerdict:
			m[fmt.Sprintf("%s/%d", name(e.Of), e.OfAttempt)] = e.State
		case audit.KindFinding:
			m[e.CloudTrailEventID] += e.State
		}
	}
	return m
}

// name shortens the ids of callID.
func name(id string) string {
	var n int
	if _, err := fmt.Sscanf(id, "019ab000-0000-7000-8000-%x", &n); err != nil {
		return id
	}
	return fmt.Sprint("call", n)
}

func intent(n int, seconds float64) audit.Event {
	return audit.Event{
		V: 1, ID: callID(n), Kind: audit.KindIntent, Time: at(seconds), Principal: "installer", Operation: "GetConnection", ReadOnly: true,
		Region: region, ConnectionID: fmt.Sprintf("conn/%d+=", n), Decision: audit.Allow, Cache: audit.CacheMiss,
		Upstream: &audit.Upstream{Account: account, IdentityARN: identity, AccessKeyID: "ASIAEXAMPLE", Endpoint: endpoint},
	}
}

func outcome(n int, seconds float64, attempts ...audit.Attempt) audit.Event {
	e := intent(n, seconds)
	e.Kind, e.Attempts, e.Status, e.ErrorClass = audit.KindOutcome, attempts, 200, audit.ErrorClassNone
	return e
}

func answered(n int) audit.Attempt { return audit.Attempt{RequestID: requestID(n), Status: 200} }

var lost = audit.Attempt{ErrorCode: string(audit.ErrorClassUpstreamTimeout), DurationUS: 1e6}

// call is both lines of a call that took 0.2 s.
func call(n int, seconds float64, attempts ...audit.Attempt) []audit.Event {
	return []audit.Event{intent(n, seconds), outcome(n, seconds+0.2, attempts...)}
}

func agent(n int) string { return "aws-cli/2.9 gatepost/1.0 evt/" + callID(n) }

// record is CloudTrail's of the call n.
func record(n int, seconds float64, edit ...func(*cloudtrail.Record)) cloudtrail.Record {
	r := cloudtrail.Record{
		EventVersion: "1.11", EventTime: at(seconds).Truncate(time.Second), EventSource: cloudtrail.EventSource, EventName: "GetConnection",
		AWSRegion: region, SourceIP: "198.51.100.7", UserAgent: agent(n), RequestID: requestID(n), EventID: recordID(n), ReadOnly: true,
		EventType: "AwsApiCall", RecipientID: account, Request: cloudtrail.Request{ConnectionID: fmt.Sprintf("conn/%d+=", n)},
		UserIdentity: cloudtrail.UserIdentity{Type: "AssumedRole", ARN: identity, AccountID: account, AccessKeyID: "ASIAEXAMPLE", IssuerARN: "arn:aws:iam::123456789012:role/path/gatepost"},
		TLS:          cloudtrail.TLS{Version: "TLSv1.3", Host: "outposts.us-west-2.amazonaws.com"},
	}
	for _, e := range edit {
		e(&r)
	}
	return r
}
