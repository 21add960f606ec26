package export

import (
	"strconv"

	"github.com/gatepost-proxy/gatepost/audit"
)

// message says in one line, for people, what an event says.
func (o *object) message(e *audit.Event) {
	o.key("message")
	o.b = append(o.b, '"')
	defer func() { o.b = append(o.b, '"') }()
	switch e.Kind {
	case audit.KindIntent:
		o.subject(e)
		o.say(": AWS is about to be asked")
	case audit.KindOutcome:
		o.subject(e)
		switch {
		case e.Action == audit.ActionOutcomeUnknown:
			o.say(": outcome unknown")
		case e.Decision == audit.Deny:
			o.say(": refused")
			o.words(", ", e.Reason)
		default:
			o.say(": ")
			o.b = strconv.AppendInt(o.b, int64(e.Status), 10)
			o.words(" ", e.ErrorCode)
		}
		if e.Cache == audit.CacheHit || e.Cache == audit.CacheCoalesced {
			o.words(", cache ", string(e.Cache))
		}
	case audit.KindVerdict:
		o.say("attempt ")
		o.b = strconv.AppendInt(o.b, int64(e.OfAttempt)+1, 10)
		o.words(" of ", e.Of)
		o.words(": ", e.State)
	case audit.KindFinding:
		o.say(firstOf(e.State, "finding"))
		o.say(": ")
		o.subject(e)
	default:
		o.say(firstOf(e.Action, string(e.Kind), "event"))
		o.words(" by ", e.Principal)
		o.words(" of ", e.Of)
		o.words(": ", e.Detail)
	}
}

// subject says who asked for what.
func (o *object) subject(e *audit.Event) {
	o.say(firstOf(e.Operation, "Unknown"))
	o.words(" ", e.ConnectionID)
	o.words(" by ", firstOf(e.Principal, "nobody that proved it"))
}

func (o *object) say(s string) { o.b = AppendQuoted(o.b, s) }

// words leaves out both when there is nothing to introduce.
func (o *object) words(introduction, s string) {
	if s != "" {
		o.say(introduction)
		o.say(s)
	}
}
