package dashboard

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// step is one thing that happened to a call.
type step struct {
	Title string
	Word  string // how it went
	Tone  tone
	Time  time.Time // zero: it is not known apart from its neighbours'
	After string    // how long after the call came in
	Facts []fact
}

// fact is a name and a value, which is not empty.
type fact struct {
	Name, Value string
	Link        string
	Code        bool // the value is for machines
	Time        time.Time
}

// Timeline tells the event in the order in which it happened.
func (v Event) Timeline() []step {
	var steps []step
	switch v.Entry.Event.Kind {
	case audit.KindOutcome, audit.KindIntent:
		steps = v.call()
	default:
		steps = []step{v.other()}
	}
	for i := range v.About {
		steps = append(steps, v.about(&v.About[i]))
	}
	if v.Record != nil {
		steps = append(steps, step{Title: "CloudTrail’s record", Word: "seen", Tone: toneGood, Facts: []fact{{Name: "record", Value: "below, among the raw documents", Link: "#raw"}}})
	}
	return steps
}

func (v Event) call() []step {
	e := v.E()
	steps := []step{v.received(), v.verified(), v.decided()}
	if v.Intent != nil {
		s := step{Title: "Intent on record", Word: "durable", Tone: toneGood, Time: v.Intent.Event.Time}
		s.add("entry", number(v.Intent.Event.Index))
		if e.CommitUS > 0 {
			s.add("durable after", took(e.CommitUS))
		}
		if e.Kind == audit.KindOutcome {
			s.After = after(v.Received(), v.Intent.Event.Time)
		}
		steps = append(steps, s)
	}
	steps = append(steps, v.asked()...)
	if e.Kind == audit.KindIntent {
		s := step{Title: "No outcome", Word: "in flight, or cut short", Tone: toneBusy}
		return append(steps, s)
	}
	return append(steps, v.answered())
}

func (v Event) received() step {
	e := v.E()
	s := step{Title: "Received", Word: visible(e.Operation), Time: v.Received()}
	if e.Kind == audit.KindIntent {
		s.Time = e.Time
	}
	if s.Word == "" {
		s.Word = "no operation of the API"
	}
	if e.SourceIP != "" {
		from := e.SourceIP
		if e.SourcePort > 0 {
			from = hostPort(e.SourceIP, e.SourcePort)
		}
		s.code("from", from)
	}
	if t := e.TLS; t != nil {
		s.add("TLS", joined(t.Version, t.Cipher))
		s.code("client certificate", t.Client)
	}
	s.code("user agent", e.UserAgent)
	s.link("connection", e.ConnectionID, ConnectionPath(e.ConnectionID))
	s.code("path", e.Path)
	s.add("region", e.Region)
	if e.Repeat {
		s.add("note", "the very same signature was seen before")
	}
	return s
}

func (v Event) verified() step {
	e := v.E()
	s := step{Title: "Verified", Word: "signature is valid", Tone: toneGood}
	switch {
	case e.ErrorClass == audit.ErrorClassSignature:
		s.Word, s.Tone = "signature is not valid", toneBad
	case e.ErrorClass == audit.ErrorClassClockSkew:
		s.Word, s.Tone = "clock is outside the window", toneWarn
	case e.Principal == "":
		s.Word, s.Tone = "nobody proved who he is", toneWarn
	}
	s.link("principal", e.Principal, queryPath("/events", "principal", e.Principal))
	if e.Principal != "" {
		s.code("key", e.AccessKeyID)
	} else {
		s.code("claimed key", e.AccessKeyID)
	}
	return s
}

// decided is the policy, and what the cache had.
func (v Event) decided() step {
	e := v.E()
	s := step{Title: "Decided", Word: visible(string(e.Decision))}
	switch e.Decision {
	case audit.Allow:
		s.Word, s.Tone = "allowed", toneGood
	case audit.Deny:
		s.Word, s.Tone = "denied", toneBad
	}
	s.add("reason", words(e.Reason))
	s.add("cache", string(e.Cache))
	if f := e.Fill; f != nil {
		s.link("filled by", f.EventID, eventPath(f.EventID))
		s.code("AWS’s request id of the fill", f.RequestID)
		s.add("CloudTrail about it", words(v.FillState))
		s.add("age", (time.Duration(f.AgeMS) * time.Millisecond).String())
	}
	return s
}

// asked are the attempts, each with what CloudTrail says about it.
func (v Event) asked() []step {
	e := v.E()
	var steps []step
	for i, a := range e.Attempts {
		s := step{Title: "Attempt " + strconv.Itoa(i+1), Word: "no answer", Tone: toneBad}
		if a.Status > 0 {
			s.Word, s.Tone = "AWS answered "+strconv.Itoa(a.Status), statusTone(a.Status)
		}
		s.code("AWS’s request id", a.RequestID)
		s.add("error", a.ErrorCode)
		if a.DurationUS > 0 {
			s.add("took", took(a.DurationUS))
		}
		if u := e.Upstream; u != nil && i == 0 {
			s.code("endpoint", u.Endpoint)
			s.code("as", u.IdentityARN)
			s.code("with key", u.AccessKeyID)
			s.code("account", u.Account)
		}
		if i < len(v.Attempts) {
			s.add("CloudTrail", words(v.Attempts[i].State))
			s.add("by evidence of", words(v.Attempts[i].Evidence))
			s.code("CloudTrail’s event id", v.Attempts[i].CloudTrailEventID)
		}
		steps = append(steps, s)
	}
	return steps
}

func (v Event) answered() step {
	e := v.E()
	s := step{Title: "Answered", Word: strconv.Itoa(e.Status), Tone: statusTone(e.Status), Time: e.Time, After: after(v.Received(), e.Time)}
	if e.Status == 0 {
		s.Word = "not answered"
	}
	if e.ErrorClass != audit.ErrorClassNone {
		s.add("error class", words(string(e.ErrorClass)))
	}
	s.add("error", e.ErrorCode)
	if e.ResponseBytes > 0 {
		s.add("body", bytesText(e.ResponseBytes))
	}
	s.code("SHA-256 of the body", e.ResponseSHA256)
	s.add("on record as entry", number(e.Index))
	if e.ClientGone {
		s.add("note", "the caller had gone")
	}
	if len(e.Truncated) > 0 {
		s.add("cut to their longest", joined(e.Truncated...))
	}
	return s
}

// other is an event that is no call.
func (v Event) other() step {
	e := v.E()
	s := step{Title: componentTitle(string(e.Kind)), Word: words(e.Action), Time: e.Time}
	if e.State != "" {
		s.Word, s.Tone = words(e.State), stateTone(e.State)
	}
	s.facts(e)
	return s
}

// about is an entry that refers to the event.
func (v Event) about(entry *index.Entry) step {
	e := &entry.Event
	s := step{Title: componentTitle(string(e.Kind)), Word: words(e.Action), Time: e.Time}
	if e.Kind == audit.KindVerdict {
		s.Title += " on attempt " + strconv.Itoa(e.OfAttempt+1)
	}
	if e.State != "" {
		s.Word, s.Tone = words(e.State), stateTone(e.State)
	}
	s.facts(e)
	s.link("event", e.ID, eventPath(e.ID))
	return s
}

// facts adds what verdicts, findings, admin and system events have.
func (s *step) facts(e *audit.Event) {
	s.add("by", e.Principal)
	s.code("from", e.SourceIP)
	s.code("user agent", e.UserAgent)
	s.add("operation", e.Operation)
	s.add("region", e.Region)
	s.link("connection", e.ConnectionID, ConnectionPath(e.ConnectionID))
	s.code("path", e.Path)
	s.link("about", e.Of, eventPath(e.Of))
	if u := e.Upstream; u != nil {
		s.code("identity", u.IdentityARN)
		s.code("key", u.AccessKeyID)
		s.code("account", u.Account)
	}
	for _, a := range e.Attempts {
		s.code("AWS’s request id", a.RequestID)
	}
	s.code("CloudTrail’s event id", e.CloudTrailEventID)
	s.add("by evidence of", words(e.Evidence))
	if e.LagMS > 0 {
		s.add("seen after", spanText(time.Duration(e.LagMS)*time.Millisecond))
	}
	for _, d := range e.Differences {
		s.add("difference", d)
	}
	s.add("error", e.ErrorCode)
	if e.Status > 0 {
		s.add("status", strconv.Itoa(e.Status))
	}
	if e.Count > 0 {
		s.add("count", number(e.Count))
	}
	s.add("detail", e.Detail)
}

func (s *step) add(name, value string) {
	if value != "" {
		s.Facts = append(s.Facts, fact{Name: name, Value: visible(value)})
	}
}

func (s *step) code(name, value string) {
	if value != "" {
		s.Facts = append(s.Facts, fact{Name: name, Value: visible(value), Code: true})
	}
}

func (s *step) link(name, value, to string) {
	if value != "" {
		s.Facts = append(s.Facts, fact{Name: name, Value: visible(value), Code: true, Link: to})
	}
}

// after is how long after the call came in something happened.
func after(received, at time.Time) string {
	if d := at.Sub(received); d > 0 {
		return "+" + took(d.Microseconds())
	}
	return ""
}

func hostPort(ip string, port uint16) string {
	if addr, err := netip.ParseAddr(ip); err == nil {
		return netip.AddrPortFrom(addr, port).String()
	}
	return ip
}

func joined(parts ...string) string {
	s := ""
	for _, p := range parts {
		switch {
		case p == "":
		case s == "":
			s = p
		default:
			s += ", " + p
		}
	}
	return s
}
