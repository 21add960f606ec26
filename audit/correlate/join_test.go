package correlate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

type edit = func(*cloudtrail.Record)

func withRequest(id string) edit { return func(r *cloudtrail.Record) { r.RequestID = id } }
func withAgent(ua string) edit   { return func(r *cloudtrail.Record) { r.UserAgent = ua } }
func withEvent(n int) edit       { return func(r *cloudtrail.Record) { r.EventID = recordID(n) } }
func withConnection(id string) edit {
	return func(r *cloudtrail.Record) { r.Request.ConnectionID = id }
}

func withCaller(arn string) edit {
	return func(r *cloudtrail.Record) {
		r.UserIdentity = cloudtrail.UserIdentity{Type: "IAMUser", ARN: arn, AccountID: account, AccessKeyID: "AKIASOMEBODY"}
	}
}

const somebody = "arn:aws:iam::123456789012:user/somebody"

func concat(lists ...[]audit.Event) (all []audit.Event) {
	for _, l := range lists {
		all = append(all, l...)
	}
	return all
}

func orphan(n int, seconds, found float64) []audit.Event {
	e := outcome(n, found)
	e.Action, e.Status, e.ErrorClass = audit.ActionOutcomeUnknown, 0, audit.ErrorClassOther
	return []audit.Event{intent(n, seconds), e}
}

// TestJoin has the log and CloudTrail's records of some calls, and what is said of
// them three hours later. Without a word said of it, an attempt that should have
// a record is late.
func TestJoin(t *testing.T) {
	status := func(n, status int, code string) audit.Attempt {
		return audit.Attempt{RequestID: requestID(n), Status: status, ErrorCode: code}
	}
	for _, test := range []struct {
		name    string
		config  correlate.Config
		lines   []audit.Event
		records []cloudtrail.Record
		want    map[string]string
		detail  string // of a finding
	}{
		{
			name:  "by request id",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withAgent("aws-cli"))},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a lost answer by the event token",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a lost connection by the event token",
			lines: call(1, 1, audit.Attempt{ErrorCode: "upstream_connect"}), records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a user agent in brackets",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1, withAgent("["+agent(1)+"]"))},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "an orphan by the event token",
			lines: orphan(1, 1, 5000), records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a call whose outcome never comes",
			lines: []audit.Event{intent(1, 1)}, records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "an answer whose record has no request id",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""))},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a masked request id",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest("***"))},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "a request id that was cut",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(requestID(1)[:12]))},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:    "request ids that were cut to the same",
			lines:   concat(call(1, 1, lost), call(2, 2, lost)),
			records: []cloudtrail.Record{record(1, 1, withRequest(requestID(1)[:12])), record(2, 2, withRequest(requestID(2)[:12]))},
			want:    map[string]string{"call1/0": "matched", "call2/0": "matched"},
		},
		{
			name:  "a retry, each attempt by its request id",
			lines: call(1, 1, status(1, 503, "ServiceUnavailable"), answered(2)),
			records: []cloudtrail.Record{
				record(1, 1, withEvent(2), withRequest(requestID(2))),
				record(1, 1, func(r *cloudtrail.Record) { r.ErrorCode = "ServiceUnavailable" }),
			},
			want: map[string]string{"call1/0": "matched", "call1/1": "matched"},
		},
		{
			name:  "a retry, the lost attempt by the token",
			lines: call(1, 1, lost, answered(2)),
			records: []cloudtrail.Record{
				record(1, 1), record(1, 2, withEvent(2), withRequest(requestID(2))),
			},
			want: map[string]string{"call1/0": "matched", "call1/1": "matched"},
		},
		{
			name:  "a retry, one record without request id is of the attempt that must have one",
			lines: call(1, 1, lost, answered(2)), records: []cloudtrail.Record{record(1, 1, withRequest(""))},
			want: map[string]string{"call1/0": "unknown", "call1/1": "matched"},
		},
		{
			name:  "a retry, one record without request id of two answers",
			lines: call(1, 1, status(1, 500, ""), answered(2)), records: []cloudtrail.Record{record(1, 1, withRequest("")), record(1, 1, withEvent(2), withRequest(requestID(2)))},
			want: map[string]string{"call1/0": "mismatched", "call1/1": "matched"},
		},
		{
			name:  "a retry, one record without request id that may be of either answer",
			lines: call(1, 1, answered(1), answered(2)), records: []cloudtrail.Record{record(1, 1, withRequest(""))},
			want: map[string]string{"call1/0": "ambiguous", "call1/1": "ambiguous"},
		},
		{
			name:  "two lost attempts and one record",
			lines: call(1, 1, lost, lost), records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{"call1/0": "matched", "call1/1": "unknown"},
		},
		{
			name:  "better evidence takes the attempt",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withEvent(2)), record(1, 1)},
			want: map[string]string{"call1/0": "matched", recordID(2): "bypass"},
		},
		{
			name:  "answers of errors",
			lines: concat(call(1, 1, status(1, 403, "AccessDeniedException")), call(2, 2, status(2, 404, "NotFoundException")), call(3, 3, status(3, 400, "ValidationException"))),
			records: []cloudtrail.Record{
				record(1, 1, func(r *cloudtrail.Record) { r.ErrorCode = "AccessDenied" }),
				record(2, 2, func(r *cloudtrail.Record) { r.ErrorCode = "Client.ResourceNotFoundException" }),
				record(3, 3, func(r *cloudtrail.Record) { r.ErrorCode = "ValidationException" }),
			},
			want: map[string]string{"call1/0": "matched", "call2/0": "matched", "call3/0": "matched"},
		},
		{
			name:  "refused credentials are not expected",
			lines: concat(call(1, 1, status(1, 403, "UnrecognizedClientException")), call(2, 2, status(2, 401, "")), call(3, 3, status(3, 403, "InvalidSignatureException"))),
			want:  map[string]string{"call1/0": "not_expected", "call2/0": "not_expected", "call3/0": "not_expected"},
		},
		{
			name:  "a record that was not expected",
			lines: call(1, 1, status(1, 403, "UnrecognizedClientException")), records: []cloudtrail.Record{record(1, 1, func(r *cloudtrail.Record) { r.ErrorCode = "UnrecognizedClientException" })},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "nothing reached AWS",
			lines: call(1, 1, audit.Attempt{ErrorCode: "upstream_tls"}),
			want:  map[string]string{"call1/0": "not_expected"},
		},
		{
			name:  "nobody knows",
			lines: concat(call(1, 1, lost), orphan(2, 2, 60), call(3, 3, status(3, 429, "ThrottlingException")), call(4, 4, audit.Attempt{Status: 503}), call(5, 5, answered(5))),
			want:  map[string]string{"call1/0": "unknown", "call2/0": "unknown", "call3/0": "unknown", "call4/0": "unknown", "call5/0": "late"},
		},
		{
			name:  "no attempt, no verdict",
			lines: call(1, 1),
			want:  map[string]string{},
		},
		{
			name:    "somebody goes round",
			lines:   call(1, 1, answered(1)),
			records: []cloudtrail.Record{record(1, 1), record(2, 1, withCaller(somebody), withAgent("aws-cli/2.13"))},
			want:    map[string]string{"call1/0": "matched", recordID(2): "bypass"},
		},
		{
			name:  "somebody goes round with gatepost's credentials",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1), record(2, 1, withAgent("Boto3"))},
			want: map[string]string{"call1/0": "matched", recordID(2): "bypass"},
		},
		{
			name:  "somebody gives the token of an answered call",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1), record(1, 1, withEvent(2), withRequest(requestID(2)))},
			want: map[string]string{"call1/0": "matched", recordID(2): "bypass"}, detail: "other request ids",
		},
		{
			name:  "somebody else gives the token of a lost call",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1, withCaller(somebody))},
			want: map[string]string{"call1/0": "unknown", recordID(1): "bypass"}, detail: "whose principal is another",
		},
		{
			name:  "another operation with the token of a lost call",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1, func(r *cloudtrail.Record) { r.EventName = "StartConnection" })},
			want: map[string]string{"call1/0": "unknown", recordID(1): "bypass"}, detail: "whose operation is another",
		},
		{
			name:  "the token of a lost call twice",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1), record(1, 1, withEvent(2), withRequest(requestID(2)))},
			want: map[string]string{"call1/0": "matched", recordID(2): "bypass"}, detail: "have other re",
		},
		{
			name:  "the token of a call that sent nothing",
			lines: call(1, 1), records: []cloudtrail.Record{record(1, 1)},
			want: map[string]string{recordID(1): "bypass"}, detail: "sent nothing",
		},
		{
			name: "another gatepost", config: correlate.Config{Origin: "gatepost/fra1"},
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(2, 1)},
			want: map[string]string{"call1/0": "late", recordID(2): "foreign_instance"}, detail: "the log gatepost/fra1 does not know",
		},
		{
			name: "known to go round", config: correlate.Config{KnownDirect: []correlate.Rule{{}, {PrincipalARN: "arn:aws:iam::*:user/some*"}}},
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{
				record(2, 1, withAgent("aws-cli"), withCaller(somebody)), record(3, 1, withAgent("aws-cli")),
			},
			want: map[string]string{"call1/0": "late", recordID(2): "known_direct", recordID(3): "bypass"},
		},
		{
			name: "a rule does not excuse a forged token", config: correlate.Config{KnownDirect: []correlate.Rule{{PrincipalARN: "*"}}},
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withEvent(2), withRequest(requestID(2)))},
			want: map[string]string{"call1/0": "late", recordID(2): "bypass"},
		},
		{
			name:  "from before the log",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(2, -20, withAgent("aws-cli")), record(3, -20), record(4, -20000, withAgent("aws-cli"))},
			want: map[string]string{"call1/0": "late"},
		},
		{
			name:  "the log's first call, in whole seconds",
			lines: call(1, 0.7, lost), records: []cloudtrail.Record{record(1, 0.7)},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "other services and types",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{
				record(2, 1, withAgent("x"), func(r *cloudtrail.Record) { r.EventSource = "glue.amazonaws.com" }),
				record(3, 1, withAgent("x"), func(r *cloudtrail.Record) { r.EventType = "AwsServiceEvent" }),
				record(1, 1, func(r *cloudtrail.Record) { r.EventSource = "glue.amazonaws.com" }),
			},
			want: map[string]string{"call1/0": "late"},
		},
		{
			name:  "weakly, by all that is left",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(""))},
			want: map[string]string{"call1/0": "matched_weak"},
		},
		{
			name:  "weakly, masked",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest("***"), withAgent("***"), withConnection("***"))},
			want: map[string]string{"call1/0": "matched_weak"},
		},
		{
			name:  "weakly, a lost answer whose record has a request id that nobody knows",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1, withAgent(""))},
			want: map[string]string{"call1/0": "matched_weak"},
		},
		{
			name:  "weakly, not an answer that has another request id",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(2, 1, withAgent(""), withConnection("conn/1+="))},
			want: map[string]string{"call1/0": "late", recordID(2): "bypass"},
		},
		{
			name:  "weakly, but another connection",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(""), withConnection("conn"))},
			want: map[string]string{"call1/0": "late", recordID(1): "bypass"},
		},
		{
			name:  "weakly, but another caller",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(""), withCaller(somebody))},
			want: map[string]string{"call1/0": "late", recordID(1): "bypass"},
		},
		{
			name:  "weakly, but another time",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 60, withRequest(""), withAgent(""))},
			want: map[string]string{"call1/0": "late", recordID(1): "bypass"},
		},
		{
			name:  "a user agent that is not gatepost's is not weak but other",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent("aws-cli"))},
			want: map[string]string{"call1/0": "late", recordID(1): "bypass"},
		},
		{
			name:  "a user agent that may have been cut",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(strings.Repeat("x", 1024)))},
			want: map[string]string{"call1/0": "matched_weak"},
		},
		{
			name:    "ambiguous",
			lines:   concat(call(1, 1, answered(1)), call(2, 2, answered(2))),
			records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(""), withConnection(""))},
			want:    map[string]string{"call1/0": "ambiguous", "call2/0": "ambiguous"},
		},
		{
			name:    "no longer ambiguous",
			lines:   concat(call(1, 1, answered(1)), call(2, 2, answered(2))),
			records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent(""), withConnection("")), record(2, 2)},
			want:    map[string]string{"call1/0": "matched_weak", "call2/0": "matched"},
		},
		{
			name:    "a weak record whose attempts all have their own",
			lines:   concat(call(1, 1, answered(1)), call(2, 2, answered(2))),
			records: []cloudtrail.Record{record(3, 1, withRequest(""), withAgent(""), withConnection("")), record(2, 2), record(1, 1)},
			want:    map[string]string{"call1/0": "matched", "call2/0": "matched", recordID(3): "bypass"},
		},
		{
			name:  "duplicates and copies",
			lines: concat(call(1, 1, answered(1)), call(2, 2, lost)),
			records: []cloudtrail.Record{
				record(1, 1), record(1, 1), record(2, 2), record(2, 2),
				record(1, 1, withEvent(11), func(r *cloudtrail.Record) { r.SharedEventID = id(1, 1); r.RecipientID = "210987654321" }),
				record(2, 2, withEvent(12)),
				record(3, 3, withAgent("aws-cli"), func(r *cloudtrail.Record) { r.SharedEventID = id(1, 3) }),
				record(3, 3, withAgent("aws-cli"), withEvent(13), func(r *cloudtrail.Record) { r.SharedEventID = id(1, 3) }),
			},
			want: map[string]string{"call1/0": "matched", "call2/0": "matched", recordID(3): "bypass"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			// Whatever comes first, and however often: what is said in the end is the
			// same.
			for _, order := range []struct {
				name string
				play func(l *log)
			}{
				{"log first", func(l *log) {
					l.tick(-100)
					l.write(test.lines...)
					l.tick(5000)
					l.records(5000, test.records...)
				}},
				{"records first", func(l *log) {
					l.tick(-100)
					l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
					l.records(90, test.records...)
					l.write(test.lines...)
				}},
				{"records first, one by one, twice", func(l *log) {
					l.tick(-100)
					l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
					for _, r := range test.records {
						l.records(90, r)
					}
					for _, e := range test.lines {
						l.write(e)
						l.tick(e.Time.Sub(epoch).Seconds())
					}
					for _, r := range test.records {
						l.records(100, r)
					}
				}},
				{"between intent and outcome", func(l *log) {
					l.tick(-100)
					l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
					for _, e := range test.lines {
						l.write(e)
						if e.Kind == audit.KindIntent {
							l.records(90, test.records...)
						}
					}
				}},
				{"after a restart", func(l *log) {
					l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
					l.write(test.lines...)
					l.records(5000, test.records...)
				}},
			} {
				l := newLog(t, test.config)
				order.play(l)
				for _, seconds := range []float64{5000, 3 * 3600, 3*3600 + 1} {
					l.tick(seconds)
					l.records(seconds, test.records...)
				}
				if diff := cmp.Diff(test.want, l.states()); diff != "" {
					t.Errorf("%s: %s", order.name, diff)
				}
				if i := slices.IndexFunc(l.entries, func(e audit.Event) bool {
					return e.Kind == audit.KindFinding && strings.Contains(e.Detail, test.detail)
				}); test.detail != "" && i < 0 {
					t.Errorf("%s: no finding says %q", order.name, test.detail)
				}
				said := len(l.entries)
				l.restart(3*3600+2, test.records...)
				l.tick(3*3600 + 3)
				if more := l.entries[said:]; len(more) > 0 {
					t.Errorf("%s: after a restart: %+v", order.name, more)
				}
			}
		})
	}
}

// What can be said is said at once, with each record given once.
func TestAtOnce(t *testing.T) {
	l := newLog(t, correlate.Config{})
	l.tick(0)
	said := func(what string, events []audit.Event, want ...string) {
		t.Helper()
		var got []string
		for _, e := range events {
			got = append(got, strings.TrimPrefix(name(e.Of)+" "+e.State+" "+e.Evidence, " "))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", what, diff)
		}
	}
	one, two := intent(1, 1), outcome(1, 1.2, answered(1))
	l.append(one)
	l.feed()
	said("a record of a call in flight", l.records(60, record(1, 1)))
	two.Index = uint64(len(l.entries))
	l.append(two)
	l.fed++
	said("its outcome", l.publish(l.c.Entry(&two)), "call1 matched request_id")

	l.write(call(2, 2, answered(2))...)
	said("a record without request id", l.records(60, record(2, 2, withRequest(""), withEvent(22))), "call2 matched event_token")
	said("the same again", l.records(60, record(2, 2, withRequest(""), withEvent(22))))
	said("better evidence", l.records(60, record(2, 2)), "call2 matched request_id", "call2 bypass ")

	l.write(call(3, 3, lost)...)
	said("a record of a lost answer", l.records(60, record(3, 3)), "call3 matched event_token")
	said("a copy of it", l.records(60, record(3, 3, withEvent(33))))

	l.write(call(4, 4, audit.Attempt{Status: 401})...)
	said("refused credentials", l.tick(60), "call4 not_expected ")
	said("nothing more", l.tick(61))

	l.write(call(5, 70, answered(5), lost)...)
	l.records(90, record(5, 70, withRequest(""), withAgent("")))
	said("a weak record of two attempts", l.tick(300))
	said("a record of one", l.records(300, record(5, 70, withEvent(55))), "call5 matched request_id")
	said("the weak record is the other's", l.tick(70+601), "call5 matched_weak weak")
}
