package export

import "github.com/gatepost-proxy/gatepost/audit"

func (o *object) api(e *audit.Event) {
	mark := o.open("api", '{')
	service, operation := productName, firstOf(e.Operation, e.Action)
	switch e.Kind {
	case audit.KindIntent, audit.KindOutcome, audit.KindFinding:
		service, operation = awsService, firstOf(e.Operation, "Unknown")
	case audit.KindVerdict:
		operation = firstOf(e.Operation, "Verdict")
	}
	o.text("operation", firstOf(operation, string(e.Kind), "Unknown"))
	inner := o.open("service", '{')
	o.text("name", service)
	o.close(inner)

	uid, how := requestOf(e)
	if uid != "" {
		inner = o.open("request", '{')
		o.text("uid", uid)
		flags := o.open("flags", '[')
		if how != "" {
			o.element()
			o.value(how)
		}
		if e.Repeat {
			o.element()
			o.value("repeat")
		}
		o.close(flags)
		o.close(inner)
	}

	inner = o.open("response", '{')
	o.number("code", int64(e.Status))
	o.text("error", e.ErrorCode)
	o.text("message", failureOf(e))
	o.close(inner)
	o.close(mark)
}

// requestOf is the id by which AWS knows what happened, with a flag when it is
// not that of a request which this very call made.
func requestOf(e *audit.Event) (uid, how string) {
	for i := len(e.Attempts) - 1; i >= 0; i-- {
		if id := e.Attempts[i].RequestID; id != "" {
			return id, ""
		}
	}
	switch {
	case e.Fill != nil && e.Fill.RequestID != "":
		if e.Cache == audit.CacheCoalesced {
			return e.Fill.RequestID, "coalesced"
		}
		return e.Fill.RequestID, "cached"
	case !isCall(e):
		return "", ""
	case e.Kind == audit.KindOutcome && len(e.Attempts) == 0:
		return e.ID, "not_sent"
	}
	return e.ID, "no_aws_request_id"
}

func (o *object) http(e *audit.Event) {
	mark := o.open("http_request", '{')
	if isCall(e) && e.ReadOnly {
		o.text("http_method", "GET") // what read-only means
	}
	o.text("user_agent", e.UserAgent)
	url := o.open("url", '{')
	o.text("path", e.Path)
	o.close(url)
	o.close(mark)

	if e.Status != 0 {
		mark = o.open("http_response", '{')
		o.int("code", int64(e.Status))
		o.number("body_length", e.ResponseBytes)
		o.close(mark)
	}
}
