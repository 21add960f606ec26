package export

import (
	"math"
	"strconv"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	schemaVersion = "1.8.0"
	productName   = "gatepost"
	awsService    = "outposts.amazonaws.com"
)

// ocsfEncoder makes API Activity events.
type ocsfEncoder struct {
	version string
	proof   func(index uint64) (*Proof, error)
}

func (x *ocsfEncoder) appendRecord(dst []byte, r Record) ([]byte, error) {
	var proof *Proof
	if x.proof != nil {
		var err error
		if proof, err = x.proof(r.Event.Index); err != nil {
			return dst, err
		}
	}
	e := r.Event
	o := object{b: append(dst, '{')}
	o.classification(e)
	o.metadata(e, x.version, proof != nil)
	o.message(e)
	o.outcome(e)
	o.actor(e)
	o.api(e)
	o.sourceEndpoint(e)
	o.destinationEndpoint(e)
	o.http(e)
	o.cloud(e)
	o.resources(e)
	o.control(e)
	if proof != nil {
		o.attestation(r.Event, r.Line, proof)
	}
	o.unmapped(e, proof)
	return append(o.b, '}', '\n'), nil
}

func (o *object) classification(e *audit.Event) {
	activity, severity := activityOf(e), severityOf(e)
	o.int("activity_id", activity.id)
	o.text("activity_name", activity.caption)
	o.int("category_uid", categoryApplication)
	o.text("category_name", "Application Activity")
	o.int("class_uid", classAPIActivity)
	o.text("class_name", "API Activity")
	o.int("type_uid", classAPIActivity*100+activity.id)
	o.texts("type_name", "API Activity: ", activity.caption)
	o.int("severity_id", severity.id)
	o.text("severity", severity.caption)
	o.int("time", e.Time.UnixMilli())
	o.int("timezone_offset", 0)
	if e.Count <= math.MaxInt64 {
		o.number("count", int64(e.Count))
	}
	if e.DurationUS > 0 {
		o.int("duration", e.DurationUS/1000)
	}
}

func (o *object) metadata(e *audit.Event, version string, proved bool) {
	mark := o.open("metadata", '{')
	o.text("version", schemaVersion)
	product := o.open("product", '{')
	o.text("name", productName)
	o.text("vendor_name", productName)
	o.text("version", version)
	o.close(product)
	if e.ID != "" {
		suffix := ""
		if e.Kind == audit.KindIntent {
			suffix = "/intent"
		}
		o.texts("uid", e.ID, suffix)
		o.text("original_event_uid", e.ID)
	}
	o.text("correlation_uid", correlationOf(e))
	if e.Index <= math.MaxInt64 {
		o.int("sequence", int64(e.Index))
	}
	o.text("event_code", string(e.Kind))
	o.key("original_time")
	o.b = append(o.b, '"')
	o.b = e.Time.UTC().AppendFormat(o.b, timeLayout)
	o.b = append(o.b, '"')
	o.int("logged_time", loggedMS(e))
	o.text("log_name", e.Origin)
	o.text("log_provider", productName)
	o.text("log_version", "1")
	o.flag("is_truncated", len(e.Truncated) > 0)
	profiles := o.open("profiles", '[')
	if aboutAWS(e) {
		o.element()
		o.value("cloud")
	}
	if _, ok := controlOf(e); ok {
		o.element()
		o.value("security_control")
	}
	if proved {
		o.element()
		o.value("record_integrity")
	}
	o.close(profiles)
	o.close(mark)
}

// loggedMS is when the event was written: a call's time is that of its arrival,
// and its outcome is written at its end.
func loggedMS(e *audit.Event) int64 {
	if 0 < e.DurationUS && e.DurationUS < math.MaxInt64/2 {
		return e.Time.UnixMilli() + e.DurationUS/1000
	}
	return e.Time.UnixMilli()
}

// correlationOf is what the events about one call to AWS have in common.
func correlationOf(e *audit.Event) string {
	switch {
	case e.Of != "":
		return e.Of
	case e.Fill != nil && e.Fill.EventID != "":
		return e.Fill.EventID
	case e.Kind == audit.KindFinding:
		return e.CloudTrailEventID
	case isCall(e):
		return e.ID
	}
	return ""
}

// outcome says how it ended.
func (o *object) outcome(e *audit.Event) {
	status := statusOf(e)
	o.int("status_id", status.id)
	o.text("status", status.caption)
	code := firstOf(e.ErrorCode, e.State)
	if code == "" && e.Status != 0 {
		o.key("status_code")
		o.b = append(o.b, '"')
		o.b = strconv.AppendInt(o.b, int64(e.Status), 10)
		o.b = append(o.b, '"')
	} else {
		o.text("status_code", code)
	}
	o.text("status_detail", firstOf(e.Reason, failureOf(e), e.Detail))
}

// failureOf is the error class of what failed, else "".
func failureOf(e *audit.Event) string {
	if e.ErrorClass == audit.ErrorClassNone {
		return ""
	}
	return string(e.ErrorClass)
}

func (o *object) control(e *audit.Event) {
	c, ok := controlOf(e)
	if !ok {
		return
	}
	o.int("action_id", c.action.id)
	o.text("action", c.action.caption)
	o.int("disposition_id", c.disposition.id)
	o.text("disposition", c.disposition.caption)
	o.flag("is_alert", c.alert)
}
