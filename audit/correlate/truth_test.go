package correlate_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"text/tabwriter"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/correlate"
)

// attemptsVariable is how many attempts TestTruth simulates.
const attemptsVariable = "GATEPOST_TRUTH_ATTEMPTS"

// kinds of calls, and how many of a thousand are of each.
type sort int

const (
	sortAnswered sort = iota
	sortNotFound
	sortDenied
	sortRefused // AWS does not accept the credentials, and CloudTrail says nothing
	sortThrottled
	sortLost
	sortOrphan
	sortLostThenAnswered
	sortFailedThenAnswered
	sortNothingSent
	sorts
)

var shares = [sorts]int{880, 15, 15, 5, 5, 20, 10, 10, 20, 20}

// truth is what a simulated attempt really was.
type truth struct {
	request string // AWS's id of it
	known   bool   // which the log knows
	saw     bool   // AWS saw it
	sort    sort
	said    []string // the verdicts on it, in order
	record  string   // of the last verdict
	by      string
}

// simulation is gatepost, those who go round it, and CloudTrail.
type simulation struct {
	t     *testing.T
	r     *rand.Rand
	now   time.Time
	sim   *cloudtrailtest.Simulator
	c     *correlate.Correlator
	index uint64

	truths map[string][]*truth // by call id
	direct map[string]string   // request id of a call that was not ours, and the finding that is right
	found  map[string][]string // findings by the record's request id
	later  []later             // lines to come
	calls  int
	others int
	ids    uint64

	// canaries, if not nil, are given again instead of all records: of a million
	// calls that takes too long.
	canaries []cloudtrail.Record
}

type later struct {
	at time.Time
	e  audit.Event
}

func (s *simulation) say(events []audit.Event) {
	for _, e := range events {
		switch e.Kind {
		case audit.KindVerdict:
			list := s.truths[e.Of]
			if e.OfAttempt >= len(list) {
				s.t.Fatalf("verdict on attempt %d of %s, which has %d", e.OfAttempt, e.Of, len(list))
			}
			t := list[e.OfAttempt]
			t.said = append(t.said, e.State)
			t.record, t.by = e.CloudTrailEventID, e.Evidence
		case audit.KindFinding:
			s.found[e.CloudTrailEventID] = append(s.found[e.CloudTrailEventID], e.State)
		}
		s.line(e)
	}
}

func (s *simulation) line(e audit.Event) {
	e.Index = s.index
	s.index++
	s.say(s.c.Entry(&e))
}

func (s *simulation) newID() string {
	s.ids++
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", s.r.Uint32(), s.r.Uint32()&0xffff, s.r.Uint32()&0xfff, s.r.Uint32()&0xfff, s.ids)
}

// aws is AWS's side of an attempt.
func (s *simulation) aws(request, connection, agent, code string, edit ...func(*cloudtrailtest.Event)) {
	e := cloudtrailtest.Event{
		RequestID: request, Operation: "GetConnection", ReadOnly: true, ConnectionID: connection, SourceIP: "198.51.100.7", UserAgent: agent,
		Host: "outposts.us-west-2.amazonaws.com", TLSVersion: "TLSv1.3", Completed: s.now, ErrorCode: code,
		Principal: cloudtrailtest.Principal{Type: "AssumedRole", ARN: identity, AccessKeyID: "ASIAEXAMPLE", UserName: "gatepost", IssuerARN: "arn:aws:iam::123456789012:role/gatepost"},
	}
	for _, f := range edit {
		f(&e)
	}
	s.sim.Add(e)
}

func (s *simulation) pick() sort {
	n := s.r.IntN(1000)
	for k := range sorts {
		if n -= shares[k]; n < 0 {
			return k
		}
	}
	return sortAnswered
}

func (s *simulation) call() (attempts int) {
	s.calls++
	k := s.pick()
	id := audit.NewID(s.now)
	connection := fmt.Sprintf("Aq+/%d==", s.r.IntN(5000))
	agent := "aws-cli/2.9.19 gatepost/1.0.0 evt/" + id
	intent := audit.Event{
		V: 1, ID: id, Kind: audit.KindIntent, Time: s.now, Operation: "GetConnection", ReadOnly: true, Region: region, ConnectionID: connection,
		Upstream: &audit.Upstream{Account: account, IdentityARN: identity, AccessKeyID: "ASIAEXAMPLE", Endpoint: endpoint},
	}
	s.line(intent)
	outcome := intent
	outcome.Kind = audit.KindOutcome
	took := time.Duration(50+s.r.IntN(400)) * time.Millisecond
	saw := s.r.Float64() < 0.6
	add := func(status int, code string, saw bool, known bool) {
		request := s.newID()
		s.truths[id] = append(s.truths[id], &truth{request: request, known: known, saw: saw, sort: k})
		if saw {
			at := s.now
			s.now = at.Add(took)
			s.aws(request, connection, agent, code)
			s.now = at
		}
		a := audit.Attempt{Status: status, ErrorCode: code}
		if known {
			a.RequestID = request
		}
		if status == 0 {
			a.ErrorCode = string(audit.ErrorClassUpstreamTimeout)
		}
		outcome.Attempts = append(outcome.Attempts, a)
	}
	switch k {
	case sortAnswered:
		add(200, "", true, true)
	case sortNotFound:
		add(404, "NotFoundException", true, true)
	case sortDenied:
		add(403, "AccessDeniedException", true, true)
	case sortRefused:
		add(403, "UnrecognizedClientException", true, true)
	case sortThrottled:
		add(429, "ThrottlingException", saw, true)
	case sortLost:
		took = 10 * time.Second
		add(0, "", saw, false)
	case sortOrphan:
		add(0, "", saw, false)
		outcome.Action, outcome.Attempts = audit.ActionOutcomeUnknown, nil
		took = time.Duration(s.r.IntN(3600)) * time.Second
	case sortLostThenAnswered:
		add(0, "", saw, false)
		add(200, "", true, true)
	case sortFailedThenAnswered:
		add(500, "InternalServerException", true, true)
		add(200, "", true, true)
	case sortNothingSent:
		outcome.ErrorClass = audit.ErrorClassUpstreamConnect
	}
	s.later = append(s.later, later{s.now.Add(took), outcome})
	if s.r.IntN(3) == 0 {
		s.line(audit.Event{V: 1, ID: audit.NewID(s.now), Kind: audit.KindOutcome, Time: s.now, Cache: audit.CacheHit})
	}
	if s.r.IntN(300) == 0 {
		s.goRound(agent, connection)
	}
	return len(s.truths[id])
}

// goRound is somebody who does not call through this gatepost.
func (s *simulation) goRound(agent, connection string) {
	s.others++
	request := s.newID()
	somebody := func(e *cloudtrailtest.Event) {
		e.Principal = cloudtrailtest.Principal{Type: "IAMUser", ARN: "arn:aws:iam::123456789012:user/mallory", AccessKeyID: "AKIAMALLORY"}
		e.SourceIP = "203.0.113.9"
	}
	switch s.r.IntN(5) {
	case 0: // as the CLI does
		s.direct[request] = "bypass"
		s.aws(request, connection, "aws-cli/2.13", "", somebody)
	case 1: // with gatepost's own credentials
		s.direct[request] = "bypass"
		s.aws(request, connection, "Boto3/1.34", "")
	case 2: // with the token of a call that gatepost is making
		s.direct[request] = "bypass"
		s.aws(request, connection, agent, "", somebody)
	case 3:
		s.direct[request] = "foreign_instance"
		s.aws(request, connection, "aws-cli/2.9 gatepost/1.0.0 evt/"+audit.NewID(s.now), "")
	case 4:
		s.direct[request] = "known_direct"
		s.aws(request, connection, "outpost-configuration-tool/3.1", "", somebody)
	}
}

// settleLines writes the outcomes whose time has come.
func (s *simulation) settleLines() {
	slices.SortStableFunc(s.later, func(a, b later) int { return a.at.Compare(b.at) })
	n := 0
	for n < len(s.later) && !s.later[n].at.After(s.now) {
		s.later[n].e.Time = s.later[n].at
		s.line(s.later[n].e)
		n++
	}
	s.later = s.later[n:]
}

func (s *simulation) parse(raw []byte) cloudtrail.Record {
	r, err := cloudtrail.ParseRecord(raw)
	if err != nil {
		s.t.Fatal(err)
	}
	return r
}

// read is one poll: what came since the last, and, each hour, all of the hours
// that have settled.
func (s *simulation) read(last time.Time, sweep bool) {
	var list []cloudtrail.Record
	for raw := range s.sim.Arrived("", last, s.now) {
		list = append(list, s.parse(raw))
	}
	s.say(s.c.Records(s.now, list))
	start, end := s.now.Add(-200*time.Minute), s.now.Add(-110*time.Minute)
	if s.canaries != nil {
		s.canaries = append(s.canaries, list[:min(len(list), 10)]...)
		list = s.canaries[max(0, len(s.canaries)-1000):]
	} else if sweep {
		list = nil
		for raw := range s.sim.Delivered("", start, end, s.now) {
			list = append(list, s.parse(raw))
		}
	}
	if !sweep {
		return
	}
	for batch := range slices.Chunk(list, 50) {
		s.say(s.c.Records(s.now, batch))
	}
	s.say(s.c.Covered(s.now, cloudtrail.Coverage{Region: region, Start: start, End: end, AsOf: s.now, Completeness: cloudtrail.CompleteUnvalidated}))
}

// TestTruth simulates days of calls and of a CloudTrail with every fault but the
// loss of the end of a user agent, and compares what is said with what was.
func TestTruth(t *testing.T) {
	n := 20_000
	if v := os.Getenv(attemptsVariable); v != "" {
		var err error
		if n, err = strconv.Atoi(v); err != nil {
			t.Fatal(err)
		}
	} else if testing.Short() {
		n = 5_000
	}
	faults := cloudtrailtest.Faults{
		Seed: 7, Loss: 0.005, Duplicates: 0.02, SharedCopies: 0.01, LateAddenda: 0.005, Corrections: 0.01, NoRequestID: 0.01, NoUserAgent: 0.01,
		TruncatedRequestID: 0.002, MaskedParameters: 0.2, EncodedConnectionID: 0.2, WrongRegion: 0.001, OtherPrincipals: 0.002, OtherServices: 0.01,
		Skew: 2 * time.Second, Shuffled: true,
	}
	for _, test := range []struct {
		name  string
		delay cloudtrailtest.Delay
		edit  func(*cloudtrailtest.Faults)
		dense int // attempts a minute, so that many fit one record; 0 is days
	}{
		// Below SettleAfter, whatever the correction or the addendum adds.
		{"punctual", cloudtrailtest.Uniform(0, 110*time.Minute), func(f *cloudtrailtest.Faults) { f.LateBy, f.CorrectedAfter = time.Second, 5*time.Minute }, 0},
		{"slow", cloudtrailtest.Bimodal(cloudtrailtest.Exponential(5*time.Minute), cloudtrailtest.Uniform(0, 3*time.Hour), 0.1), func(*cloudtrailtest.Faults) {}, 0},
		{"dense", cloudtrailtest.Bimodal(cloudtrailtest.Exponential(5*time.Minute), cloudtrailtest.Uniform(0, 110*time.Minute), 0.1), func(f *cloudtrailtest.Faults) {
			f.NoRequestID, f.NoUserAgent, f.LateBy, f.CorrectedAfter = 0.05, 0.05, time.Second, 5*time.Minute
		}, 200},
	} {
		t.Run(test.name, func(t *testing.T) {
			faults := faults
			faults.Delay = test.delay
			test.edit(&faults)
			s := simulate(t, n, faults, test.dense)
			s.check(test.name != "slow")
		})
	}
}

func simulate(t *testing.T, n int, faults cloudtrailtest.Faults, perMinute int) *simulation {
	s := &simulation{t: t, r: rand.New(rand.NewPCG(1, 2)), now: epoch, truths: map[string][]*truth{}, direct: map[string]string{}, found: map[string][]string{}}
	s.sim = cloudtrailtest.New(cloudtrailtest.Config{Account: account, Faults: faults, Now: func() time.Time { return s.now }})
	s.c = correlate.New(correlate.Config{Origin: "gatepost/test", KnownDirect: []correlate.Rule{{UserAgent: "outpost-configuration-tool/*"}}})
	s.line(audit.Event{V: 1, ID: audit.NewID(s.now), Kind: audit.KindSystem, Time: s.now, Action: "start"})
	const days = 3
	if perMinute == 0 {
		perMinute = max(n/(days*24*60), 1)
	}
	poll := 15
	if n > 200_000 {
		poll = 60
		s.canaries = []cloudtrail.Record{}
	}
	last := s.now
	for minutes, made := 0, 0; ; minutes++ {
		for range perMinute {
			if made < n {
				s.now = s.now.Add(time.Duration(s.r.Int64N(int64(time.Minute) / int64(perMinute))))
				s.settleLines()
				made += s.call()
			}
		}
		s.now = epoch.Add(time.Duration(minutes+1) * time.Minute)
		s.settleLines()
		s.say(s.c.Tick(s.now))
		if minutes%poll == 0 {
			s.read(last, minutes%60 == 0)
			last = s.now
		}
		if made >= n && s.now.After(s.sim.LastDelivery().Add(8*time.Hour)) {
			break
		}
	}
	// What was still late is forgotten without a record.
	s.say(s.c.Tick(s.now.Add(60 * time.Hour)))
	return s
}

// check compares and prints.
func (s *simulation) check(punctual bool) {
	t := s.t
	owner := map[string]string{}          // request id by record
	delivered := map[string]bool{}        // request ids with a record
	numbered := map[string]bool{}         // and those with one that tells the request id
	named := map[string]bool{}            // and those with one that tells the user agent
	settled := map[string]time.Duration{} // how long its first record took
	strangers := map[string]string{}      // request ids of noise
	ours := map[string]bool{}             // request ids of calls with gatepost's credentials
	for truth := range s.sim.Truths() {
		id := truth.Event.RequestID
		ours[id] = truth.Event.Principal.ARN == identity
		if truth.Origin == cloudtrailtest.OtherPrincipal && len(truth.Deliveries) > 0 {
			strangers[id] = "bypass"
		}
		for _, d := range truth.Deliveries {
			owner[d.EventID] = id
			delivered[id] = true
			if lag := d.At.Sub(truth.Event.Completed); settled[id] == 0 || lag < settled[id] {
				settled[id] = lag
			}
			if !has(d.Faults, "no requestID") && !has(d.Faults, "truncated requestID") || has(d.Faults, "correction") {
				numbered[id] = true
			}
			if !has(d.Faults, "no userAgent") && !has(d.Faults, "uncorrected") {
				named[id] = true
			}
		}
	}
	maps.Copy(strangers, s.direct)

	type row struct{ right, said, real int }
	rows := map[string]*row{}
	of := func(state string) *row {
		if rows[state] == nil {
			rows[state] = &row{}
		}
		return rows[state]
	}
	attempts, falseMissing := 0, 0
	for id, list := range s.truths {
		for no, a := range list {
			attempts++
			final := "pending"
			if len(a.said) > 0 {
				final = a.said[len(a.said)-1]
			}
			var want string
			switch {
			case delivered[a.request] && (named[a.request] || a.known && numbered[a.request]):
				want = "record"
			case delivered[a.request]:
				want = "record without ids"
			case a.sort == sortRefused:
				want = "not_expected"
			case a.sort == sortThrottled || a.sort == sortLost || a.sort == sortOrphan || a.sort == sortLostThenAnswered && no == 0:
				want = "unknown"
			default:
				want = "missing"
			}
			said := final
			if final == "matched" || final == "mismatched" {
				said = "record"
			} else if final == "matched_weak" || final == "ambiguous" {
				said = "record without ids"
			}
			right := said == want
			if said == "record" && a.by == "request_id" && owner[a.record] != a.request {
				right = false
				t.Errorf("%s/%d is joined with the record %s of another request", id, no, a.record)
			}
			of(want).real++
			of(said).said++
			if right {
				of(said).right++
			}
			if delivered[a.request] && (final == "missing" || has(a.said, "missing") && settled[a.request] < 110*time.Minute) {
				falseMissing++
				if falseMissing < 10 {
					t.Errorf("%s/%d (%d) has a record after %v, and was said to be %v", id, no, a.sort, settled[a.request], a.said)
				}
			}
			if punctual && has(a.said, "missing") && delivered[a.request] {
				t.Errorf("%s/%d was missing for a while", id, no)
			}
		}
	}

	kinds := map[string]*row{}
	kind := func(k string) *row {
		if kinds[k] == nil {
			kinds[k] = &row{}
		}
		return kinds[k]
	}
	for _, want := range strangers {
		kind(want)
	}
	seen := map[string]int{}
	for record, list := range s.found {
		for _, k := range list {
			kind(k).said++
			request := owner[record]
			switch {
			case k == "amended":
				kind(k).right++
				continue
			case strangers[request] == k:
				kind(k).right++
			case strangers[request] == "":
				t.Errorf("false %s: %s is a call of ours: %s", k, record, s.describe(request))
			case strangers[request] == "foreign_instance" || strangers[request] == "known_direct":
				// Its user agent was lost; what is left is a call of somebody's.
			default:
				t.Errorf("%s of %s, which is %s", k, record, strangers[request])
			}
			seen[request]++
		}
	}
	shifted := 0
	for request, k := range strangers {
		if !delivered[request] {
			continue
		}
		kind(k).real++
		switch seen[request] {
		case 1:
		case 0:
			// With gatepost's credentials and without a user agent it passes for a call
			// of gatepost's, if one of those has no record.
			shifted++
			if named[request] || numbered[request] && !ours[request] {
				t.Errorf("%s %s was not found: %s", k, request, s.describe(request))
			}
		default:
			t.Errorf("%s %s was found %d times", k, request, seen[request])
		}
	}

	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "\nstate\treal\tsaid\tright\tprecision\trecall\t\n")
	for _, m := range []map[string]*row{rows, kinds} {
		for _, name := range slices.SortedFunc(maps.Keys(m), func(a, b string) int { return cmp.Compare(a, b) }) {
			r := m[name]
			if name == "amended" {
				r.real = r.said
			}
			fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%.5f\t%.5f\t\n", name, r.real, r.said, r.right, float64(r.right)/float64(max(r.said, 1)), float64(min(r.right, r.real))/float64(max(r.real, 1)))
		}
	}
	w.Flush()
	t.Logf("%d attempts of %d calls, %d calls round gatepost (%d not told apart), %d false missing%s", attempts, s.calls, len(strangers), shifted, falseMissing, out.String())
}

// describe tells what is known of a request, for failures.
func (s *simulation) describe(request string) string {
	var b strings.Builder
	for id, list := range s.truths {
		if !slices.ContainsFunc(list, func(a *truth) bool { return a.request == request }) {
			continue
		}
		for _, a := range list {
			fmt.Fprintf(&b, "\n\t%s: sort %d, %v by %s with %s", id, a.sort, a.said, a.by, a.record)
		}
	}
	for truth := range s.sim.Truths() {
		if truth.Event.RequestID == request {
			fmt.Fprintf(&b, "\n\t%v %s %+v", truth.Event.Completed, truth.Event.ErrorCode, truth.Deliveries)
		}
	}
	return b.String()
}

func has(list []string, state string) bool { return slices.Contains(list, state) }
