package correlate_test

import (
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

const hour = 3600.0

// TestMissing has two calls of which one has a record, and what has to be given
// for the other to be missing.
func TestMissing(t *testing.T) {
	window := func(start, end, asOf float64) cloudtrail.Coverage {
		return cloudtrail.Coverage{Region: region, Start: at(start), End: at(end), AsOf: at(asOf), Completeness: cloudtrail.CompleteUnvalidated}
	}
	with := func(c cloudtrail.Coverage, edit func(*cloudtrail.Coverage)) cloudtrail.Coverage {
		edit(&c)
		return c
	}
	canary := record(1, 1)
	good := window(-hour, 2*hour, 2*hour+10)
	for _, test := range []struct {
		name string
		play func(l *log)
		want string
	}{
		{"complete with a canary", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "missing"},
		{"validated", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Completeness = cloudtrail.Complete })))
		}, "missing"},
		{"with the account", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Account = account })))
		}, "missing"},
		{"read before it settled, said after", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), good))
			l.tick(2*hour + 13)
		}, "missing"},
		{"a canary that is no match", func(l *log) {
			l.records(2*hour+11, record(1, 1, func(r *cloudtrail.Record) { r.AWSRegion = "us-east-1" }))
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "missing"},
		{"two windows", func(l *log) {
			l.records(2*hour+11, canary)
			l.records(2*hour+11, record(3, 30))
			l.publish(l.c.Covered(at(2*hour+12), window(-hour, 2, 2*hour+10)))
			l.publish(l.c.Covered(at(2*hour+12), window(2, 2*hour, 2*hour+10)))
		}, "missing"},
		{"no canary", func(l *log) { l.publish(l.c.Covered(at(2*hour+12), good)) }, "late"},
		{"a canary of an earlier reading", func(l *log) {
			l.records(600, canary)
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "late"},
		{"a canary that was read before, and again", func(l *log) {
			l.records(600, canary)
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "missing"},
		{"a canary outside of the window", func(l *log) {
			l.records(2*hour+11, record(4, 2.5*hour))
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "late"},
		{"a canary that joined by its token alone", func(l *log) {
			l.records(2*hour+11, record(1, 1, withRequest("")))
			l.publish(l.c.Covered(at(2*hour+12), good))
		}, "late"},
		{"read too early", func(l *log) {
			l.records(2*hour-1, canary)
			l.publish(l.c.Covered(at(2*hour), window(-hour, 2*hour, 2*hour-10)))
		}, "late"},
		{"read in the time to come", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(hour), good))
		}, "late"},
		{"read too early, and never again", func(l *log) {
			l.records(hour, canary)
			l.publish(l.c.Covered(at(hour), window(-hour, hour, hour)))
			l.tick(2*hour + 30)
		}, "late"},
		{"another region", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Region = "us-east-1" })))
		}, "late"},
		{"another account", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Account = "210987654321" })))
		}, "late"},
		{"incomplete", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Completeness = cloudtrail.Incomplete })))
		}, "late"},
		{"provisional", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), with(good, func(c *cloudtrail.Coverage) { c.Completeness = cloudtrail.Provisional })))
		}, "late"},
		{"window begins with the call", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), window(1, 2*hour, 2*hour+10)))
		}, "late"},
		{"window ends with the call", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), window(-hour, 3, 2*hour+10)))
		}, "late"},
		{"a gap between windows", func(l *log) {
			l.records(2*hour+11, canary)
			l.records(2*hour+11, record(3, 30))
			l.publish(l.c.Covered(at(2*hour+12), window(-hour, 3, 2*hour+10)))
			l.publish(l.c.Covered(at(2*hour+12), window(4, 2*hour, 2*hour+10)))
		}, "late"},
		{"a record after all", func(l *log) {
			l.records(2*hour+11, canary)
			l.publish(l.c.Covered(at(2*hour+12), good))
			l.tick(25 * hour)
			l.records(25*hour, record(2, 1))
		}, "matched"},
		{"nothing until the end", func(l *log) { l.tick(51 * hour) }, "unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLog(t, correlate.Config{})
			l.tick(0)
			l.write(concat(call(1, 1, answered(1)), call(2, 1, answered(2)), call(3, 30, answered(3)))...)
			l.tick(20)
			l.write(call(4, 2.5*hour, answered(4))...)
			switch test.name {
			case "read before it settled, said after", "read too early, and never again":
				l.tick(hour)
			default:
				l.tick(2*hour + 30)
			}
			test.play(l)
			if got := l.states()["call2/0"]; got != test.want {
				t.Errorf("said %s, want %s", got, test.want)
			}
		})
	}
}

// A call whose account the log does not know is in the reading of any account of
// its region, if that brought a record of the account.
func TestMissingWithoutAccount(t *testing.T) {
	for _, test := range []struct {
		name    string
		read    string // the account whose records are read
		records []cloudtrail.Record
		want    string
	}{
		{"the account's", account, []cloudtrail.Record{record(1, 1)}, "missing"},
		{"all accounts'", "", []cloudtrail.Record{record(1, 1)}, "missing"},
		{"another account's", "210987654321", []cloudtrail.Record{record(1, 1)}, "late"},
		{"without a canary", account, nil, "late"},
		{"a canary that joined by its token", account, []cloudtrail.Record{record(1, 1, withRequest(""))}, "late"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := newLog(t, correlate.Config{})
			l.tick(0)
			for n := range 2 {
				for _, e := range call(n+1, 1, answered(n+1)) {
					u := *e.Upstream
					u.Account, u.IdentityARN = "", ""
					e.Upstream = &u
					l.write(e)
				}
			}
			l.tick(2*hour + 30)
			l.records(2*hour+31, test.records...)
			l.publish(l.c.Covered(at(2*hour+32), cloudtrail.Coverage{
				Account: test.read, Region: region, Start: at(-hour), End: at(2 * hour), AsOf: at(2*hour + 31), Completeness: cloudtrail.Complete,
			}))
			if got := l.states()["call2/0"]; got != test.want {
				t.Errorf("said %s, want %s", got, test.want)
			}
		})
	}
}

// The states of an attempt over time, with nothing from CloudTrail but readings
// that say nothing.
func TestDeadlines(t *testing.T) {
	l := newLog(t, correlate.Config{LateAfter: time.Minute, SettleAfter: time.Hour, Keep: 24 * time.Hour})
	l.tick(0)
	l.write(concat(call(1, 1, answered(1)), call(2, 1, lost), []audit.Event{intent(3, 1)})...)
	for _, step := range []struct {
		seconds          float64
		one, two, three  string
		pending, late, u uint64
	}{
		{60, "", "", "", 3, 0, 0},
		{62, "late", "late", "", 1, 2, 0},
		{3600, "late", "late", "", 1, 2, 0},
		{3602, "late", "unknown", "", 1, 1, 1},
		{25*3600 + 30, "late", "unknown", "", 1, 1, 1},
		{25*3600 + 61, "unknown", "unknown", "unknown", 0, 0, 0},
	} {
		l.tick(step.seconds)
		states, counts := l.states(), l.c.Counts()
		if states["call1/0"] != step.one || states["call2/0"] != step.two || states["call3/0"] != step.three ||
			counts[correlate.Pending] != step.pending || counts[correlate.Late] != step.late || counts[correlate.Unknown] != step.u {
			t.Errorf("after %v s: %v, %v", step.seconds, states, counts)
		}
	}
}
