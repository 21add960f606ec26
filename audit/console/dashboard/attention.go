package dashboard

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"
)

// attention is one thing that somebody should look at.
type attention struct {
	Tone  tone
	What  string
	Why   string
	Since time.Time // zero: not known
	Until time.Time // zero: it is not about a time to come
	Link  string

	rank int
}

const (
	// keyWarning is how long before its end a key needs a successor, and
	// certificateWarning a certificate.
	keyWarning         = 14 * 24 * time.Hour
	certificateWarning = 21 * 24 * time.Hour
	// headroom is how many times the reserve has to be free.
	headroom = 4
	// behind is how many entries an index may lag.
	behind = 10_000
)

// Attention is what needs attention, the most urgent first.
func (v Now) Attention() []attention {
	var list []attention
	add := func(rank int, a attention) {
		a.rank = rank
		list = append(list, a)
	}
	if !v.Ready {
		add(0, attention{Tone: toneBad, What: "Not ready", Why: "Calls are refused now.", Link: "#health"})
	}
	for _, name := range slices.Sorted(maps.Keys(v.Components)) {
		c := v.Components[name]
		if !c.OK {
			a := attention{Tone: toneWarn, What: componentTitle(name), Why: c.Reason, Since: c.Since, Link: "#health"}
			switch {
			case name == "audit":
				a.Tone, a.What = toneBad, "The log refuses"
				add(1, a)
			case name == "ledger":
				a.Tone, a.What = toneBad, "Nothing is signed"
				add(2, a)
			case strings.HasPrefix(name, "correlat") || name == "cloudtrail":
				a.Tone, a.What = toneBad, "CloudTrail is not compared"
				add(3, a)
			case name == "upstream":
				a.Tone, a.What = toneBad, "AWS cannot be asked"
				add(1, a)
			default:
				add(6, a)
			}
		}
		if free, reserve := amount(c.Details["free_bytes"]), amount(c.Details["reserve_bytes"]); reserve > 0 && free < headroom*reserve {
			a := attention{Tone: toneWarn, What: "The disk fills up", Why: bytesText(free) + " are free; calls are refused below " + bytesText(reserve) + ".", Link: "#health"}
			add(5, a)
		}
		if lag := amount(c.Details["lag"]); lag > behind {
			add(6, attention{Tone: toneWarn, What: componentTitle(name) + " is behind", Why: number(lag) + " entries cannot be searched yet.", Link: "#health"})
		}
		if end, ok := c.Details["not_after"].(time.Time); ok && !end.IsZero() && end.Before(v.At.Add(certificateWarning)) {
			add(4, expiring("The certificate", end, v.At, "#health"))
		}
	}
	for _, o := range v.Open {
		if o.Count == 0 {
			continue
		}
		a := attention{Tone: stateTone(o.State), What: openTitle(o), Why: openReason(o.State), Link: queryPath("/findings", "state", o.State)}
		add(4, a)
	}
	for _, k := range v.Keys {
		if !k.Expires.IsZero() && !k.Disabled && k.Expires.Before(v.At.Add(keyWarning)) {
			add(7, expiring("The key "+k.ID+" of "+k.Principal, k.Expires, v.At, "/callers"))
		}
	}
	slices.SortStableFunc(list, func(a, b attention) int {
		return cmp.Or(cmp.Compare(urgency(a.Tone), urgency(b.Tone)), cmp.Compare(a.rank, b.rank), a.Until.Compare(b.Until))
	})
	return list
}

func urgency(t tone) int {
	return slices.Index([]tone{toneBad, toneWarn, toneBusy, toneNone, toneGood}, t)
}

func expiring(what string, end, now time.Time, link string) attention {
	if end.After(now) {
		return attention{Tone: toneWarn, What: what + " expires", Why: "in " + spanText(end.Sub(now)), Until: end, Link: link}
	}
	return attention{Tone: toneWarn, What: what + " has expired", Why: spanText(now.Sub(end)) + " ago", Until: end, Link: link}
}

func openTitle(o OpenFindings) string {
	n := number(o.Count)
	if o.More {
		n = "More than " + n
	}
	if o.Count == 1 && !o.More {
		return n + " open finding: " + words(o.State)
	}
	return n + " open findings: " + words(o.State)
}

// openReason is what a state means to whoever has to act.
func openReason(state string) string {
	switch state {
	case "bypass":
		return "A call reached AWS that did not come through gatepost."
	case "missing":
		return "A call was answered by AWS, and CloudTrail does not have it."
	case "mismatched":
		return "CloudTrail says something else about the call than the log."
	case "ambiguous":
		return "Several records in CloudTrail could be the same call."
	case "foreign_instance":
		return "Another gatepost calls AWS with the same account."
	case "amended":
		return "CloudTrail has changed a record that was compared already."
	}
	return ""
}

// amount is a number among details, whatever type it has.
func amount(v any) int64 {
	switch n := v.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	case uint64:
		return int64(min(n, 1<<62))
	case float64:
		return int64(n)
	}
	return 0
}

func componentTitle(name string) string {
	if name == "" {
		return ""
	}
	name = words(name)
	return strings.ToUpper(name[:1]) + name[1:]
}
