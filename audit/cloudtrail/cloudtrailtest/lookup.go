package cloudtrailtest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"strconv"
	"time"
)

// maxResults is the most events of a page, and what a page has by itself.
const maxResults = 50

// history is how far back LookupEvents reaches.
const history = 90 * 24 * time.Hour

// lookupInput is the input of LookupEvents.
type lookupInput struct {
	LookupAttributes []struct{ AttributeKey, AttributeValue string }
	StartTime        *float64
	EndTime          *float64
	EventCategory    string
	MaxResults       *int
	NextToken        string
}

// lookupEvent is an event of its answer.
type lookupEvent struct {
	EventID         string     `json:"EventId"`
	EventName       string     `json:"EventName"`
	ReadOnly        string     `json:"ReadOnly"`
	AccessKeyID     string     `json:"AccessKeyId,omitempty"`
	EventTime       int64      `json:"EventTime"`
	EventSource     string     `json:"EventSource"`
	Username        string     `json:"Username,omitempty"`
	Resources       []struct{} `json:"Resources"`
	CloudTrailEvent string     `json:"CloudTrailEvent"`
}

type lookupOutput struct {
	Events    []lookupEvent `json:"Events"`
	NextToken string        `json:"NextToken,omitempty"`
}

// pageToken is what a NextToken says to the simulator. With an EndTime the pages
// are of what was there at AsOf; without one each page is of what is there now, so
// that what has come meanwhile moves the pages.
type pageToken struct {
	Parameters [32]byte // the request's, which may not change
	Issued     int64    // nanoseconds
	AsOf       int64    // nanoseconds
	After      position // the last event of the page before
	Skip       int      // events, when the pages move
}

// position is a place in the history, newest first.
type position struct {
	EventTime int64
	ID        uint32
}

func (t pageToken) String() string {
	b, err := json.Marshal(t)
	if err != nil {
		panic(err) // numbers
	}
	return base64.StdEncoding.EncodeToString(b)
}

func (s *Simulator) readToken(in *lookupInput, now time.Time) (pageToken, *refusal) {
	fresh := pageToken{Parameters: in.parameters(), AsOf: now.UnixNano(), After: position{EventTime: math.MaxInt64}}
	if in.NextToken == "" {
		return fresh, nil
	}
	var t pageToken
	raw, err := base64.StdEncoding.DecodeString(in.NextToken)
	if err != nil || json.Unmarshal(raw, &t) != nil || t.Parameters != fresh.Parameters {
		return t, refuse("InvalidNextTokenException", "Invalid NextToken: it goes with the parameters of the request that it answered.")
	}
	if now.Sub(time.Unix(0, t.Issued)) > s.tokenLifetime {
		return t, refuse("InvalidNextTokenException", "Expired NextToken.")
	}
	return t, nil
}

// parameters stand for a request without its token.
func (in lookupInput) parameters() [32]byte {
	in.NextToken = ""
	b, err := json.Marshal(in)
	if err != nil {
		panic(err) // strings and numbers that came as JSON
	}
	return sha256.Sum256(b)
}

// lookup answers LookupEvents for a region.
func (s *Simulator) lookup(in *lookupInput, region string, fault Fault) (*lookupOutput, *refusal) {
	now := s.now()
	if in.EventCategory != "" && in.EventCategory != "insight" {
		return nil, refuse("InvalidEventCategoryException", "Invalid event category.")
	}
	if len(in.LookupAttributes) > 1 {
		return nil, refuse("InvalidLookupAttributesException", "You can specify only one lookup attribute.")
	}
	limit := maxResults
	if in.MaxResults != nil {
		if limit = *in.MaxResults; limit < 1 || limit > maxResults {
			return nil, refuse("InvalidMaxResultsException", "Max results must be between 1 and %d.", maxResults)
		}
	}
	from, to, refused := in.times(now)
	if refused != nil {
		return nil, refused
	}
	token, refused := s.readToken(in, now)
	if refused != nil {
		return nil, refused
	}
	moving := in.EndTime == nil
	if moving {
		token.AsOf, token.After = now.UnixNano(), position{EventTime: math.MaxInt64}
	}
	token.Issued = now.UnixNano()

	out := &lookupOutput{Events: []lookupEvent{}}
	if fault.EmptyPage {
		out.NextToken = token.String()
		return out, nil
	}
	match, known := s.matcher(in)
	if !known {
		return nil, refuse("InvalidLookupAttributesException", "Invalid lookup attribute key.")
	}
	skip := 0
	if moving {
		skip = token.Skip
	}
	found := s.newest(from, to, token, func(d sight) bool {
		if s.filedUnder(d.event, d.delivery) != region || in.EventCategory != "" || !match(d) {
			return false
		}
		skip--
		return skip < 0
	}, limit+1)
	if len(found) > limit {
		found = found[:limit]
		token.Skip += limit
		token.After = position{found[limit-1].event.eventTime, found[limit-1].id}
		out.NextToken = token.String()
	}
	for _, d := range found {
		out.Events = append(out.Events, s.listed(d))
	}
	if fault.RepeatToken {
		if out.NextToken = in.NextToken; in.NextToken == "" {
			out.NextToken = token.String()
		}
	}
	return out, nil
}

// times are the bounds of a lookup in whole seconds, [from, to).
func (in *lookupInput) times(now time.Time) (from, to int64, refused *refusal) {
	end := float64(now.UnixNano()) / 1e9
	start := end - history.Seconds()
	first := start
	if in.EndTime != nil {
		end = *in.EndTime
	}
	if in.StartTime != nil {
		start = *in.StartTime
	}
	if start > end {
		return 0, 0, refuse("InvalidTimeRangeException", "The start time is after the end time.")
	}
	if start < first {
		return 0, 0, refuse("InvalidTimeRangeException", "The time range is outside of the last 90 days.")
	}
	return int64(math.Ceil(start)), int64(math.Floor(end)) + 1, nil
}

// matcher is the filter of a lookup; known is false for a key that there is not.
func (s *Simulator) matcher(in *lookupInput) (match func(sight) bool, known bool) {
	if len(in.LookupAttributes) == 0 {
		return func(sight) bool { return true }, true
	}
	value := in.LookupAttributes[0].AttributeValue
	of := func(get func(sight) string) func(sight) bool {
		return func(d sight) bool { return get(d) == value }
	}
	switch in.LookupAttributes[0].AttributeKey {
	case "EventId":
		return of(func(d sight) string { return s.identified(d.event, d.delivery) }), true
	case "EventName":
		return of(func(d sight) string { return d.event.common.operation }), true
	case "ReadOnly":
		return of(func(d sight) string { return strconv.FormatBool(d.event.common.readOnly) }), true
	case "Username":
		return of(func(d sight) string { return d.event.common.principal.UserName }), true
	case "EventSource":
		return of(func(d sight) string { return d.event.common.source }), true
	case "AccessKeyId":
		return of(func(d sight) string { return d.event.common.principal.AccessKeyID }), true
	case "ResourceType", "ResourceName":
		return func(sight) bool { return false }, true // calls to Outposts list none
	}
	return nil, false
}

// newest are the first deliveries after the token's place, newest first.
func (s *Simulator) newest(from, to int64, token pageToken, match func(sight) bool, limit int) []sight {
	s.mu.Lock()
	defer s.mu.Unlock()
	if token.After.EventTime < to {
		to = token.After.EventTime + 1
	}
	ids := s.byEvent.between(from, to)
	var found []sight
	for i := len(ids) - 1; i >= 0 && len(found) < limit; i-- {
		d := s.deliveries[ids[i]]
		e := &s.entries[d.entry]
		if d.at > token.AsOf || e.eventTime == token.After.EventTime && ids[i] >= token.After.ID {
			continue
		}
		if seen := (sight{d, ids[i], e}); match(seen) {
			found = append(found, seen)
		}
	}
	return found
}

func (s *Simulator) listed(d sight) lookupEvent {
	c := d.event.common
	return lookupEvent{
		EventID:         s.identified(d.event, d.delivery),
		EventName:       c.operation,
		ReadOnly:        strconv.FormatBool(c.readOnly),
		AccessKeyID:     c.principal.AccessKeyID,
		EventTime:       d.event.eventTime,
		EventSource:     c.source,
		Username:        c.principal.UserName,
		Resources:       []struct{}{},
		CloudTrailEvent: string(s.render(d.event, d.delivery).json()),
	}
}
