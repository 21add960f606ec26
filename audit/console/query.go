package console

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// query is what the parameters of a request say.
type query struct {
	values url.Values // as they were given, but for the path's

	id, connection, tile string

	filter audit.Filter
	also   []audit.Kind // that are listed although no kind is asked for
	// findings is set where they alone are listed.
	findings index.Findings
	limit    int
	cursor   string

	// after is the index behind which a stream begins: -1 for the first entry.
	after    int64
	hasAfter bool
	newest   int // of a stream, how many entries are sent at a time; 0 for all

	step time.Duration

	// What pages take besides.
	span   string // the name of a range
	format export.Format
	note   string
	next   string // a path of the dashboard's
	purged *int
	all    bool // connections
}

func newQuery() *query { return &query{values: make(url.Values)} }

const (
	defaultLimit = 50
	maxLimit     = 500
)

// The tables below are made of these.
func text(name string, set func(q *query, value string)) parameter {
	return parameter{name: name, set: func(q *query, value string) error { set(q, value); return nil }}
}

func choice(name string, set func(q *query, value string), values ...string) parameter {
	p := text(name, set)
	p.values = values
	return p
}

func moment(name string, field func(q *query) *time.Time) parameter {
	return parameter{name: name, set: func(q *query, value string) error {
		at, err := time.Parse(time.RFC3339Nano, value)
		if err != nil || at.Year() < 1970 || at.Year() > 9999 {
			return errors.New("has to be a time such as 2027-03-01T00:00:00Z, with a plus sign written as %2B")
		}
		*field(q) = at.UTC()
		if f := &q.filter; !f.Since.IsZero() && !f.Until.IsZero() && !f.Since.Before(f.Until) {
			return errors.New("leaves no time: since has to be before until")
		}
		return nil
	}}
}

func errorClasses() []string {
	var list []string
	for _, c := range audit.ErrorClasses() {
		list = append(list, string(c))
	}
	return list
}

// The parameters of the routes. None of these is ever written to.
var (
	regionParameter = text("region", func(q *query, v string) { q.filter.Region = v })
	sinceParameter  = moment("since", func(q *query) *time.Time { return &q.filter.Since })
	untilParameter  = moment("until", func(q *query) *time.Time { return &q.filter.Until })
	qParameter      = text("q", func(q *query, v string) { q.filter.Q = v })

	filterParameters = []parameter{
		text("principal", func(q *query, v string) { q.filter.Principal = v }),
		text("connection", func(q *query, v string) { q.filter.Connection = v }),
		text("operation", func(q *query, v string) { q.filter.Operation = v }),
		regionParameter,
		choice("decision", func(q *query, v string) { q.filter.Decision = audit.Decision(v) }, string(audit.Allow), string(audit.Deny)),
		choice("cache", func(q *query, v string) { q.filter.Cache = audit.CacheResult(v) },
			string(audit.CacheHit), string(audit.CacheMiss), string(audit.CacheCoalesced), string(audit.CacheBypass), string(audit.CacheNone)),
		choice("error_class", func(q *query, v string) { q.filter.ErrorClass = audit.ErrorClass(v) }, errorClasses()...),
		text("request_id", func(q *query, v string) { q.filter.RequestID = v }),
		choice("state", func(q *query, v string) { q.filter.State = v }, index.States()...),
		choice("kind", func(q *query, v string) { q.filter.Kind = audit.Kind(v) },
			string(audit.KindIntent), string(audit.KindOutcome), string(audit.KindVerdict), string(audit.KindFinding), string(audit.KindAdmin), string(audit.KindSystem)),
		choice("also", func(q *query, v string) {
			for kind := range strings.SplitSeq(v, ",") {
				q.also = append(q.also, audit.Kind(kind))
			}
		}, string(audit.KindIntent), string(audit.KindVerdict), string(audit.KindIntent+","+audit.KindVerdict)),
		sinceParameter, untilParameter, qParameter,
	}
	findingParameters = []parameter{
		choice("state", func(q *query, v string) { q.filter.State = v }, index.FindingStates()...),
		choice("acknowledged", func(q *query, v string) {
			if q.findings = index.OpenFindings; v == "true" {
				q.findings = index.AcknowledgedFindings
			}
		}, "true", "false"),
		regionParameter, sinceParameter, untilParameter, qParameter,
	}
	pageParameters = []parameter{
		{name: "limit", set: func(q *query, value string) error {
			n, ok := parseNumber(value)
			if !ok || n < 1 || n > maxLimit {
				return fmt.Errorf("has to be a number from 1 to %d", maxLimit)
			}
			q.limit = int(n)
			return nil
		}},
		text("cursor", func(q *query, v string) { q.cursor = v }),
	}
	streamParameters = []parameter{
		{name: "after", set: func(q *query, value string) error { return q.setAfter(value) }},
		{name: "newest", set: func(q *query, value string) error {
			n, ok := parseNumber(value)
			if !ok || n < 1 || n > maxNewest {
				return fmt.Errorf("has to be a number from 1 to %d", maxNewest)
			}
			q.newest = int(n)
			return nil
		}},
	}
	summaryParameters = []parameter{
		sinceParameter, untilParameter,
		{name: "step", set: func(q *query, value string) error {
			d, ok := parseStep(value)
			if !ok {
				return errors.New("has to be a whole number of minutes, hours or days, such as 5m, 1h, 1d")
			}
			q.step = d
			return nil
		}},
	}
	idParameter = parameter{name: "id", inPath: true, set: func(q *query, value string) error {
		if strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" || len(value) > 128 {
			return errors.New("is neither the id of an event nor that of a request to AWS")
		}
		q.id = value
		return nil
	}}
	connectionParameter = parameter{name: "connection", inPath: true, set: func(q *query, value string) error {
		if strings.Trim(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+/=") != "" {
			return errors.New("is no connection id: those have letters, digits, +, / and =, which is one segment of a path when / is written as %2F")
		}
		q.connection = value
		return nil
	}}
	tileParameter = parameter{name: "path", inPath: true, set: func(q *query, value string) error { q.tile = value; return nil }}
)

func (q *query) setAfter(value string) error {
	if value == "-1" {
		q.after, q.hasAfter = -1, true
		return nil
	}
	n, ok := parseNumber(value)
	if !ok || n > 1<<62 {
		return errors.New("has to be the index of an entry, or -1 for all")
	}
	q.after, q.hasAfter = int64(n), true
	return nil
}

// parseNumber takes decimal digits, in the one way in which each number is
// written.
func parseNumber(value string) (uint64, bool) {
	n, err := strconv.ParseUint(value, 10, 64)
	return n, err == nil && strconv.FormatUint(n, 10) == value
}

func parseStep(value string) (time.Duration, bool) {
	units := map[byte]time.Duration{'m': time.Minute, 'h': time.Hour, 'd': 24 * time.Hour}
	unit := units[value[len(value)-1]]
	n, ok := parseNumber(value[:len(value)-1])
	const longest = 366 * 24 * time.Hour
	if !ok || n == 0 || unit == 0 || n > uint64(longest/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}
