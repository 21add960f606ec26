package main

import (
	"bufio"
	"fmt"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// write tells the story in the order in which it happened.
func (s *eventStory) write(p *program) error {
	w := storyWriter{out: bufio.NewWriter(p.stdout), colours: p.palette(p.stdout)}
	e := &s.event.event
	w.title(e)
	switch e.Kind {
	case audit.KindOutcome, audit.KindIntent:
		s.writeCall(&w)
	default:
		w.fields(e)
		w.cloudTrailRecord(s.record)
	}
	if len(s.about) > 0 {
		w.heading("Since then")
		for _, r := range s.about {
			w.about(&r.event)
		}
	}
	return w.out.Flush()
}

func (s *eventStory) writeCall(w *storyWriter) {
	e := &s.event.event
	w.heading("Asked")
	if e.Principal != "" {
		w.row("by", words(e.Principal, bracketed("key", e.AccessKeyID)))
	} else {
		w.row("by", words("nobody that proved it", bracketed("claimed key", e.AccessKeyID)))
	}
	w.row("from", endpointOf(e))
	w.row("with", e.UserAgent)
	w.row("for", words(e.Operation, e.ConnectionID, e.Path))
	w.row("in", e.Region)
	if e.Repeat {
		w.row("note", "the very same signature was seen before")
	}

	w.heading("Decided")
	decision := words(string(e.Decision), bracketed("", e.Reason))
	if e.Decision == audit.Deny {
		decision = w.colours.red(clean(decision))
	}
	w.raw("policy", decision)
	w.row("cache", string(e.Cache))
	if f := e.Fill; f != nil {
		w.row("filled by", words(f.EventID, bracketed("AWS request", f.RequestID)))
		w.row("age", (time.Duration(f.AgeMS) * time.Millisecond).String())
	}

	if s.intent != nil {
		w.heading("Recorded before AWS was asked")
		w.row("intent", fmt.Sprintf("index %d, at %s", s.intent.event.Index, moment(s.intent.event.Time)))
		if e.CommitUS > 0 {
			w.row("durable after", microseconds(e.CommitUS))
		}
	}
	if u := e.Upstream; u != nil || len(e.Attempts) > 0 {
		if len(e.Attempts) > 0 {
			w.heading("Sent to AWS")
		} else {
			w.heading("Meant for AWS")
		}
		if u != nil {
			w.row("at", u.Endpoint)
			w.row("as", words(u.IdentityARN, bracketed("key", u.AccessKeyID)))
			w.row("account", u.Account)
		}
		for i, a := range e.Attempts {
			answer := "no answer"
			if a.Status != 0 {
				answer = fmt.Sprintf("answer %d", a.Status)
			}
			took := ""
			if a.DurationUS > 0 {
				took = "after " + microseconds(a.DurationUS)
			}
			w.row(fmt.Sprintf("attempt %d", i+1), words(answer, a.ErrorCode, took, bracketed("AWS request", a.RequestID)))
		}
	}
	if e.Kind == audit.KindIntent {
		w.heading("Not answered")
		w.row("note", "no outcome is recorded: the call is in flight, or gatepost was cut short")
		s.writeCloudTrail(w)
		return
	}
	w.heading("Answered")
	status := fmt.Sprint(e.Status)
	if e.ErrorClass != audit.ErrorClassNone {
		status = words(status, string(e.ErrorClass), e.ErrorCode)
	}
	w.row("status", status)
	if e.ResponseSHA256 != "" {
		w.row("body", fmt.Sprintf("%d bytes, SHA-256 %s", e.ResponseBytes, e.ResponseSHA256))
	}
	w.row("took", microseconds(e.DurationUS))
	w.row("recorded", fmt.Sprintf("index %d, at %s", e.Index, moment(e.Time)))
	if e.ClientGone {
		w.row("note", "the caller had gone")
	}
	w.truncated(e)
	s.writeCloudTrail(w)
}

// storyWriter writes headings and rows. Its text comes from the log: each
// piece is cleaned as it is written.
type storyWriter struct {
	out     *bufio.Writer
	colours palette
}

func (w *storyWriter) title(e *audit.Event) {
	what := string(e.Kind)
	switch e.Kind {
	case audit.KindOutcome, audit.KindIntent:
		operation := e.Operation
		if operation == "" {
			operation = "a request"
		}
		who := e.Principal
		if who == "" {
			who = "a caller that was not recognised"
		}
		what = words(operation, e.ConnectionID) + " by " + who
	default:
		what = words(what, e.Action, e.State)
	}
	fmt.Fprintf(w.out, "%s\n", w.colours.bold(clean(what)))
	fmt.Fprintf(w.out, "%s\n", w.colours.faint(clean(fmt.Sprintf("event %s in log %s", e.ID, e.Origin))))
}

func (w *storyWriter) heading(text string) {
	fmt.Fprintf(w.out, "\n%s\n", w.colours.bold(text))
}

// row writes a name and its value, or nothing when there is none.
func (w *storyWriter) row(name, value string) {
	w.raw(name, clean(value))
}

func (w *storyWriter) raw(name, value string) {
	if value != "" {
		fmt.Fprintf(w.out, "  %-14s %s\n", clean(name), value)
	}
}

// fields tells of an event that is not a call.
func (w *storyWriter) fields(e *audit.Event) {
	w.heading("Recorded")
	w.row("at", fmt.Sprintf("%s, index %d", moment(e.Time), e.Index))
	w.row("action", e.Action)
	w.row("state", e.State)
	switch {
	case e.Of == "":
	case e.Kind != audit.KindVerdict:
		w.row("about", e.Of)
	default:
		w.row("about", fmt.Sprintf("attempt %d of %s", e.OfAttempt+1, e.Of))
	}
	w.row("CloudTrail", e.CloudTrailEventID)
	w.row("evidence", e.Evidence)
	if e.LagMS != 0 {
		w.row("lag", (time.Duration(e.LagMS) * time.Millisecond).String())
	}
	w.row("differences", strings.Join(e.Differences, "; "))
	w.row("principal", words(e.Principal, bracketed("key", e.AccessKeyID)))
	w.row("from", endpointOf(e))
	w.row("with", e.UserAgent)
	w.row("operation", words(e.Operation, e.ConnectionID, e.Path))
	w.row("region", e.Region)
	w.row("reason", e.Reason)
	if e.Count > 0 {
		w.row("count", fmt.Sprint(e.Count))
	}
	w.row("detail", e.Detail)
	w.truncated(e)
}

// about tells in one row of a later event.
func (w *storyWriter) about(e *audit.Event) {
	if e.Kind != audit.KindVerdict {
		w.row(string(e.Kind), words(e.Action, e.State, e.Reason, e.Detail, "at "+moment(e.Time)))
		return
	}
	evidence := ""
	if e.Evidence != "" {
		evidence = "by " + strings.ReplaceAll(e.Evidence, "_", " ")
	}
	lag := ""
	if e.LagMS != 0 {
		lag = "after " + (time.Duration(e.LagMS) * time.Millisecond).String()
	}
	differences := ""
	if len(e.Differences) > 0 {
		differences = "differing in " + strings.Join(e.Differences, "; ")
	}
	w.row(fmt.Sprintf("attempt %d", e.OfAttempt+1), words(e.State, evidence, lag, differences, bracketed("CloudTrail event", e.CloudTrailEventID)))
}

func (w *storyWriter) truncated(e *audit.Event) {
	if len(e.Truncated) > 0 {
		w.row("cut short", strings.Join(e.Truncated, ", "))
	}
}

// endpointOf says where a request came from, and over what.
func endpointOf(e *audit.Event) string {
	if e.SourceIP == "" {
		return ""
	}
	from := e.SourceIP
	if e.SourcePort != 0 {
		from = fmt.Sprintf("%s port %d", from, e.SourcePort)
	}
	if t := e.TLS; t != nil {
		return words(from, "over", t.Version, t.Cipher, bracketed("certificate of", t.Client))
	}
	return from
}

// bracketed writes (name value), or nothing when there is no value.
func bracketed(name, value string) string {
	if value == "" {
		return ""
	}
	return "(" + words(name, value) + ")"
}

func moment(t time.Time) string {
	return t.UTC().Format("2006-01-02T15:04:05.000000Z")
}
