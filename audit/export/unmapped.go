package export

import (
	"math"
	"strconv"

	"github.com/gatepost-proxy/gatepost/audit"
)

// unmapped holds what the class has no attribute for, or only a coarser one,
// under the names of the log's schema.
func (o *object) unmapped(e *audit.Event, proof *Proof) {
	mark := o.open("unmapped", '{')
	if e.Index > math.MaxInt64 {
		o.key("index")
		o.b = appendUint(o.b, e.Index)
	}
	if t := e.TLS; t != nil {
		inner := o.open("tls", '{')
		o.text("version", t.Version)
		o.text("cipher", t.Cipher)
		o.text("client", t.Client)
		o.close(inner)
	}
	if isCall(e) {
		o.key("read_only")
		o.b = strconv.AppendBool(o.b, e.ReadOnly)
	} else {
		o.flag("read_only", e.ReadOnly)
	}
	if !aboutAWS(e) {
		o.text("region", e.Region)
	}
	o.text("decision", string(e.Decision))
	o.text("reason", e.Reason)
	o.flag("repeat", e.Repeat)
	o.text("cache", string(e.Cache))
	if f := e.Fill; f != nil {
		inner := o.open("fill", '{')
		o.text("event_id", f.EventID)
		o.text("request_id", f.RequestID)
		o.int("age_ms", f.AgeMS)
		o.close(inner)
	}
	if u := e.Upstream; u != nil {
		inner := o.open("upstream", '{')
		o.text("account", u.Account)
		o.text("identity_arn", u.IdentityARN)
		o.text("access_key_id", u.AccessKeyID)
		o.text("endpoint", u.Endpoint)
		o.close(inner)
	}
	o.attempts(e.Attempts)
	if e.Status == 0 {
		o.number("response_bytes", e.ResponseBytes)
	}
	o.text("error_class", string(e.ErrorClass))
	o.text("response_sha256", e.ResponseSHA256)
	o.number("duration_us", e.DurationUS)
	o.number("commit_us", e.CommitUS)
	o.flag("client_gone", e.ClientGone)
	if e.SourceIP == "" {
		o.number("source_port", int64(e.SourcePort))
	}

	o.text("action", e.Action)
	o.text("of", e.Of)
	if e.Kind == audit.KindVerdict || e.OfAttempt != 0 {
		o.int("of_attempt", int64(e.OfAttempt))
	}
	o.text("state", e.State)
	o.text("cloudtrail_event_id", e.CloudTrailEventID)
	o.text("evidence", e.Evidence)
	o.number("lag_ms", e.LagMS)
	o.list("differences", e.Differences)
	if e.Count > math.MaxInt64 {
		o.key("count")
		o.b = appendUint(o.b, e.Count)
	}
	o.text("detail", e.Detail)
	o.list("truncated", e.Truncated)
	if proof != nil && len(proof.Text) > 0 {
		o.text("log_proof", string(proof.Text))
	}
	o.close(mark)
}

// attempts keeps the place of each, since verdicts count them.
func (o *object) attempts(list []audit.Attempt) {
	mark := o.open("attempts", '[')
	for i := range list {
		a := &list[i]
		o.element()
		o.b = append(o.b, '{')
		o.text("request_id", a.RequestID)
		o.number("status", int64(a.Status))
		o.text("error_code", a.ErrorCode)
		o.number("duration_us", a.DurationUS)
		o.b = append(o.b, '}')
	}
	o.close(mark)
}

func appendUint(dst []byte, n uint64) []byte { return strconv.AppendUint(dst, n, 10) }
