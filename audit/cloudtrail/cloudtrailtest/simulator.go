package cloudtrailtest

import (
	"cmp"
	"crypto/rsa"
	"iter"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"golang.org/x/time/rate"
)

// Config says what a simulator is. The zero value is an account in us-west-2 whose
// records are delivered at once.
type Config struct {
	Account string
	Regions []string

	Faults Faults

	// Credentials may ask; one with the default key when there are none.
	Credentials []Credential

	// RateLimit throttles lookups above so many a second, as AWS does above two;
	// zero lets all through.
	RateLimit float64

	// TokenLifetime is how long a NextToken can be used; zero means an hour.
	TokenLifetime time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// The account and the region of a simulator whose configuration names none.
const (
	DefaultAccount = "123456789012"
	DefaultRegion  = "us-west-2"
)

// Simulator is the simulated CloudTrail of one account.
type Simulator struct {
	account     string
	regions     []string
	otherRegion string
	faults      Faults
	now         func() time.Time

	first         Credential
	limiter       *rate.Limiter
	tokenLifetime time.Duration

	keyOnce sync.Once
	key     *rsa.PrivateKey

	mu         sync.Mutex // guards what follows; entries and deliveries are only appended to
	calls      uint32     // added so far
	entries    []entry
	deliveries []delivery
	commons    map[common]*common
	byEvent    order // by eventTime
	byArrival  order // by when they are delivered
	keys       map[string]Credential
	script     []*Fault
	requests   []Request
	counts     map[string]int
}

// New makes a simulator.
func New(c Config) *Simulator {
	s := &Simulator{
		account:     cmp.Or(c.Account, DefaultAccount),
		regions:     slices.Clone(c.Regions),
		otherRegion: cmp.Or(c.Faults.OtherRegion, "us-east-1"),
		faults:      c.Faults,
		now:         c.Now,
		commons:     map[common]*common{},
		keys:        map[string]Credential{},
		counts:      map[string]int{},
		first:       Credential{AccessKeyID: DefaultAccessKeyID, SecretAccessKey: DefaultSecret},

		tokenLifetime: cmp.Or(c.TokenLifetime, time.Hour),
	}
	if len(c.Credentials) > 0 {
		s.first = c.Credentials[0]
	}
	for _, credential := range append(slices.Clip(c.Credentials), s.first) {
		s.AddCredential(credential)
	}
	if c.RateLimit > 0 {
		s.limiter = rate.NewLimiter(rate.Limit(c.RateLimit), int(max(c.RateLimit, 1)))
	}
	if len(s.regions) == 0 {
		s.regions = []string{DefaultRegion}
	}
	if s.now == nil {
		s.now = time.Now
	}
	s.byEvent.key = func(id uint32) int64 { return s.entries[s.deliveries[id].entry].eventTime }
	s.byArrival.key = func(id uint32) int64 { return s.deliveries[id].at }
	return s
}

// Region is the first region.
func (s *Simulator) Region() string { return s.regions[0] }

// Account is the account whose records these are.
func (s *Simulator) Account() string { return s.account }

// Add takes a call that AWS saw and decides what becomes of its record.
func (s *Simulator) Add(e Event) {
	e.EventSource = cmp.Or(e.EventSource, cloudtrail.EventSource)
	e.Region = cmp.Or(e.Region, s.regions[0])
	e.Principal.Account = cmp.Or(e.Principal.Account, s.account)
	if e.Completed.IsZero() {
		e.Completed = s.now()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	call := s.calls
	s.calls++
	r := s.rand(call, drawNoise)
	other, service := fated(r, s.faults.OtherPrincipals), fated(r, s.faults.OtherServices)
	soon := func() time.Time { return e.Completed.Add(time.Duration(r.Float64() * float64(time.Minute))) }
	otherAt, serviceAt := soon(), soon()
	s.put(call, Called, e)
	if other {
		s.put(call, OtherPrincipal, s.otherPrincipals(e, call, otherAt))
	}
	if service {
		s.put(call, OtherService, s.otherServices(e, call, serviceAt))
	}
}

// rand is what decides on one thing about one call, so that the settings of one
// fault do not move the others.
func (s *Simulator) rand(call uint32, draw uint64) *rand.Rand {
	return rand.New(rand.NewPCG(s.faults.Seed, uint64(call)<<8|draw))
}

// put stores an event and its deliveries. The caller holds the lock.
func (s *Simulator) put(call uint32, origin Origin, e Event) {
	r := s.rand(call, drawFate+uint64(origin))
	skew := time.Duration((2*r.Float64() - 1) * float64(s.faults.Skew))
	key := common{
		source: e.EventSource, operation: e.Operation, region: e.Region, readOnly: e.ReadOnly, principal: e.Principal,
		sourceIP: e.SourceIP, host: e.Host, tlsVersion: e.TLSVersion, cipherSuite: e.CipherSuite,
		errorCode: e.ErrorCode, errorMessage: e.ErrorMessage,
	}
	if s.commons[key] == nil {
		s.commons[key] = &key
	}
	number := uint32(len(s.entries))
	s.entries = append(s.entries, entry{
		text:       e.RequestID + e.ConnectionID + e.UserAgent,
		request:    uint32(len(e.RequestID)),
		connection: uint32(len(e.ConnectionID)),
		call:       call,
		origin:     origin,
		eventTime:  e.Completed.Add(skew).Unix(),
		completed:  e.Completed.UnixNano(),
		common:     s.commons[key],
	})
	for _, d := range s.faults.fate(r, e.Completed, unrecorded(e.ErrorCode)) {
		d.entry = number
		id := uint32(len(s.deliveries))
		s.deliveries = append(s.deliveries, d)
		s.byEvent.add(id)
		s.byArrival.add(id)
	}
}

func (s *Simulator) otherPrincipals(e Event, call uint32, completed time.Time) Event {
	e.RequestID = derivedID(s.faults.Seed, call, requestOfOtherPrincipal)
	e.Principal = Principal{
		Type: "IAMUser", PrincipalID: "AIDACKCEVSQ6C2EXAMPLE", ARN: "arn:aws:iam::" + s.account + ":user/somebody",
		Account: s.account, AccessKeyID: "AKIAI44QH8DHBEXAMPLE", UserName: "somebody",
	}
	e.SourceIP, e.UserAgent = "203.0.113.77", "aws-cli/2.9.19 Python/3.11.2 command/outposts.get-connection"
	e.ErrorCode, e.ErrorMessage = "", ""
	e.Completed = completed
	return e
}

func (s *Simulator) otherServices(e Event, call uint32, completed time.Time) Event {
	e.RequestID = derivedID(s.faults.Seed, call, requestOfOtherService)
	e.EventSource, e.Operation, e.ReadOnly = "glue.amazonaws.com", "GetConnection", true
	e.ConnectionID, e.Host = "", "glue."+e.Region+".amazonaws.com"
	e.ErrorCode, e.ErrorMessage = "", ""
	e.Completed = completed
	return e
}

// Delivered are the records of a region ("" is all) with an eventTime in
// [from, to) that are to be seen at asOf, as raw JSON.
func (s *Simulator) Delivered(region string, from, to, asOf time.Time) iter.Seq[[]byte] {
	return s.each(region, s.visible(&s.byEvent, ceil(from), ceil(to), asOf))
}

// Arrived are the records of a region ("" is all) that were delivered in
// (after, until], as raw JSON.
func (s *Simulator) Arrived(region string, after, until time.Time) iter.Seq[[]byte] {
	return s.each(region, s.visible(&s.byArrival, after.UnixNano()+1, until.UnixNano()+1, until))
}

// LastDelivery is when nothing more will be delivered; zero when there is nothing.
func (s *Simulator) LastDelivery() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := s.byArrival.between(math.MinInt64, math.MaxInt64)
	if len(all) == 0 {
		return time.Time{}
	}
	return time.Unix(0, s.deliveries[all[len(all)-1]].at).UTC()
}

// sight is a delivery with its event, to be read without the lock.
type sight struct {
	delivery
	id    uint32
	event *entry
}

// visible are the deliveries of an order in [from, to) that came until asOf.
func (s *Simulator) visible(o *order, from, to int64, asOf time.Time) []sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := o.between(from, to)
	seen := make([]sight, 0, len(ids))
	for _, id := range ids {
		if d := s.deliveries[id]; d.at <= asOf.UnixNano() {
			seen = append(seen, sight{d, id, &s.entries[d.entry]})
		}
	}
	return seen
}

func (s *Simulator) each(region string, seen []sight) iter.Seq[[]byte] {
	if s.faults.Shuffled {
		r := rand.New(rand.NewPCG(s.faults.Seed, uint64(len(seen))))
		r.Shuffle(len(seen), func(i, j int) { seen[i], seen[j] = seen[j], seen[i] })
	}
	return func(yield func([]byte) bool) {
		for _, d := range seen {
			if region != "" && s.filedUnder(d.event, d.delivery) != region {
				continue
			}
			if !yield(s.render(d.event, d.delivery).json()) {
				return
			}
		}
	}
}

// ceil is the first whole second that is not before t.
func ceil(t time.Time) int64 {
	seconds := t.Unix()
	if t.Nanosecond() > 0 {
		seconds++
	}
	return seconds
}
