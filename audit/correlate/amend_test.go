package correlate_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// corrected is a record that corrects the record of call n.
func corrected(n, event int, edit ...edit) cloudtrail.Record {
	r := record(n, float64(n), append([]func(*cloudtrail.Record){withEvent(event), withRequest(requestID(event))}, edit...)...)
	r.Addendum = &cloudtrail.Addendum{Reason: "UPDATED_DATA", UpdatedFields: []string{"errorCode"}, OriginalRequestID: requestID(n), OriginalEventID: recordID(n)}
	return r
}

func TestAmend(t *testing.T) {
	wrong := func(r *cloudtrail.Record) { r.ErrorCode = "InternalFailure" }
	shared := func(r *cloudtrail.Record) { r.SharedEventID = "shared" }
	for _, test := range []struct {
		name    string
		lines   []audit.Event
		records []cloudtrail.Record
		want    map[string]string
	}{
		{
			name:  "mismatched becomes matched",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, wrong), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "matched becomes mismatched",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1), corrected(1, 2, wrong)},
			want: map[string]string{"call1/0": "mismatched", recordID(2): "amended"},
		},
		{
			name:  "a correction that changes nothing",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of a lost answer",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of a record without ids, whose copy came before",
			lines: call(1, 1, answered(1)),
			records: []cloudtrail.Record{
				record(1, 1, shared, withEvent(3), withRequest(""), withAgent("")), record(1, 1, shared, withRequest(""), withAgent("")), corrected(1, 2, shared),
			},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:    "of a record without ids, whose copy comes alone and last",
			lines:   call(1, 1, answered(1)),
			records: []cloudtrail.Record{corrected(1, 2, shared), record(1, 1, shared, withEvent(3), withRequest(""), withAgent(""))},
			want:    map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of a record without ids",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withAgent("")), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of a lost answer's record without a user agent",
			lines: call(1, 1, lost), records: []cloudtrail.Record{record(1, 1, withAgent("")), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of a record whose attempt had another's",
			lines: call(1, 1, lost, answered(1)), records: []cloudtrail.Record{record(1, 1, withRequest(""), withEvent(5)), corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", "call1/1": "matched", recordID(2): "amended"},
		},
		{
			name:  "late only",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{record(1, 1, func(r *cloudtrail.Record) { r.Addendum = &cloudtrail.Addendum{Reason: "DELIVERY_DELAY"} })},
			want: map[string]string{"call1/0": "matched"},
		},
		{
			name:  "whose original never comes",
			lines: call(1, 1, answered(1)), records: []cloudtrail.Record{corrected(1, 2)},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
		{
			name:  "of the shared copies",
			lines: call(1, 1, answered(1)),
			records: []cloudtrail.Record{
				record(1, 1, wrong, func(r *cloudtrail.Record) { r.SharedEventID = id(1, 1) }),
				corrected(1, 2, func(r *cloudtrail.Record) { r.SharedEventID = id(1, 1) }),
				corrected(1, 3, func(r *cloudtrail.Record) { r.SharedEventID = id(1, 1) }),
			},
			want: map[string]string{"call1/0": "matched", recordID(2): "amended"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, order := range []string{"in order", "correction first", "restarts", "records first"} {
				l := newLog(t, correlate.Config{})
				l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
				l.tick(1)
				if order == "records first" {
					l.records(90, test.records...)
				}
				l.write(test.lines...)
				switch order {
				case "in order":
					l.records(900, test.records...)
				case "correction first":
					for i := range test.records {
						l.records(900, test.records[(i+1)%len(test.records)])
					}
				case "restarts":
					l.tick(1000)
					for i := range test.records {
						l.records(1000, test.records[i])
						l.tick(1001)
						l.restart(1001, test.records[:i+1]...)
					}
				}
				l.tick(3 * hour)
				said := len(l.entries)
				l.records(3*hour, test.records...)
				l.restart(3*hour, test.records...)
				l.tick(3 * hour)
				if more := l.entries[said:]; len(more) > 0 {
					t.Errorf("%s: after all: %+v", order, more)
				}
				got := l.states()
				if got[recordID(3)] == "amended" && got[recordID(2)] == "" { // either of two copies
					got[recordID(2)] = got[recordID(3)]
					delete(got, recordID(3))
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: %s", order, diff)
				}
				for _, e := range l.entries {
					if e.Kind == audit.KindFinding && (!strings.Contains(e.Detail, recordID(1)) || e.Of != callID(1)) {
						t.Errorf("%s: the finding does not name the original: %+v", order, e)
					}
				}
			}
		})
	}
}

// A record without a user agent passed for a lost answer's; its correction shows
// that it is somebody else's call, or another gatepost's.
func TestAmendDisowns(t *testing.T) {
	for agent, want := range map[string]string{"aws-cli/2": "bypass", "x gatepost/1 evt/" + callID(7): "foreign_instance"} {
		l := newLog(t, correlate.Config{})
		l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
		l.tick(1)
		l.write(call(1, 1, lost)...)
		l.tick(1000)
		l.records(1000, record(1, 1, withAgent("")))
		l.tick(3 * hour)
		l.records(3*hour, corrected(1, 2, withAgent(agent)))
		l.tick(3*hour + 1000)
		l.records(3*hour+1000, record(1, 1, withAgent("")), corrected(1, 2, withAgent(agent)))
		l.tick(6 * hour)
		if diff := cmp.Diff(map[string]string{"call1/0": "matched_weak", recordID(2): want}, l.states()); diff != "" {
			t.Errorf("%s: %s", agent, diff)
		}
	}
}

// So does the correction of a record that could be one of several attempts'.
func TestAmendDisownsShared(t *testing.T) {
	l := newLog(t, correlate.Config{})
	l.write(audit.Event{Kind: audit.KindSystem, Time: at(0)})
	l.tick(1)
	l.write(call(1, 1, lost)...)
	l.write(call(2, 1, lost)...)
	l.tick(1000)
	masked := func(r *cloudtrail.Record) { r.Request.ConnectionID = cloudtrail.Masked }
	l.records(1000, record(1, 1, withAgent(""), masked))
	l.tick(3 * hour)
	l.records(3*hour, corrected(1, 3, withAgent("aws-cli/2"), masked))
	l.tick(6 * hour)
	if diff := cmp.Diff(map[string]string{"call1/0": "ambiguous", "call2/0": "ambiguous", recordID(3): "bypass"}, l.states()); diff != "" {
		t.Error(diff)
	}
}

// A correction of what is a finding is told, and no second finding of its kind.
func TestAmendFinding(t *testing.T) {
	l := newLog(t, correlate.Config{})
	l.write(call(9, 0, answered(9))...)
	l.tick(1)
	l.records(60, record(1, 1, withAgent("aws-cli"), withCaller(somebody)))
	l.tick(1000)
	l.records(1001, corrected(1, 2, withAgent("aws-cli"), withCaller(somebody)))
	l.restart(1002, corrected(1, 2, withAgent("aws-cli"), withCaller(somebody)), record(1, 1, withAgent("aws-cli"), withCaller(somebody)))
	l.tick(5000)
	if got := l.states(); got[recordID(1)] != "bypass" || got[recordID(2)] != "amended" {
		t.Errorf("found %v", got)
	}

	// The correction alone is the finding, and the original no other.
	l = newLog(t, correlate.Config{})
	l.write(call(9, 0, answered(9))...)
	l.tick(1)
	l.records(60, corrected(1, 2, withAgent("aws-cli"), withCaller(somebody)))
	l.tick(1000)
	l.restart(1001)
	l.records(1002, record(1, 1, withAgent("aws-cli"), withCaller(somebody)))
	l.tick(5000)
	if got := l.states(); got[recordID(2)] != "bypass" || got[recordID(1)] != "" {
		t.Errorf("found %v", got)
	}
}
