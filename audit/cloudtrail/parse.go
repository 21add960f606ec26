package cloudtrail

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// MaxRecordBytes is more than a record can have: CloudTrail delivers at most 256 KB,
// and 1 MB from an event data store.
const MaxRecordBytes = 2 << 20

// Lengths of the strings of a Record. A longer string is cut, but for those that
// identify the record: they make it malformed.
const (
	maxIdentifier = 256
	maxText       = 1024 // CloudTrail's own limit for user agents, request ids and errors
	maxARN        = 2048
	maxConnection = 3 * 1024 // an id of the greatest length, with every character escaped
	maxUpdated    = 64       // fields named by an addendum
)

// ParseRecord reads a record in CloudTrail's form, of any eventVersion 1.x, or in
// the form in which [Record] is marshaled.
//
// What identifies the record has to be there and of its type: eventVersion,
// eventTime, eventSource, eventName, awsRegion and eventID. All else may be absent
// or null. Members that Record does not have are ignored, and so are request
// parameters of an unexpected form. A record that does not tell readOnly is not
// known to be read-only, so it is not.
//
// Strings stay as they are, but a string of more than about a kilobyte is cut.
// The error names the record by its eventID, if it has one.
func ParseRecord(data []byte) (Record, error) {
	if len(data) > MaxRecordBytes {
		return Record{}, fmt.Errorf("parse CloudTrail record: %d bytes, more than a record can have", len(data))
	}
	var d document
	if err := json.Unmarshal(data, &d); err != nil {
		return Record{}, d.fault(err)
	}
	r, err := d.record()
	if err != nil {
		return Record{}, d.fault(err)
	}
	return r, nil
}

// UnmarshalJSON is [ParseRecord].
func (r *Record) UnmarshalJSON(data []byte) error {
	parsed, err := ParseRecord(data)
	if err != nil {
		return err
	}
	*r = parsed
	return nil
}

// Unknown holds for a value of a record that says nothing: absent, or masked by
// CloudTrail. It must not be compared with anything.
func Unknown(value string) bool {
	return strings.Trim(value, "*") == "" || value == "HIDDEN_DUE_TO_SECURITY_REASONS"
}

// document is a record as CloudTrail writes it, and, where that differs, as Record
// is marshaled.
type document struct {
	EventVersion string `json:"eventVersion"`
	UserIdentity struct {
		UserIdentity
		SessionContext struct {
			SessionIssuer struct {
				ARN string `json:"arn"`
			} `json:"sessionIssuer"`
			SourceIdentity string `json:"sourceIdentity"`
		} `json:"sessionContext"`
	} `json:"userIdentity"`
	EventTime     string          `json:"eventTime"`
	EventSource   string          `json:"eventSource"`
	EventName     string          `json:"eventName"`
	AWSRegion     string          `json:"awsRegion"`
	SourceIP      string          `json:"sourceIPAddress"`
	UserAgent     string          `json:"userAgent"`
	ErrorCode     string          `json:"errorCode"`
	ErrorMessage  string          `json:"errorMessage"`
	Request       json.RawMessage `json:"requestParameters"`
	RequestID     string          `json:"requestID"`
	EventID       string          `json:"eventID"`
	SharedEventID string          `json:"sharedEventID"`
	ReadOnly      json.RawMessage `json:"readOnly"`
	EventType     string          `json:"eventType"`
	RecipientID   string          `json:"recipientAccountId"`
	VPCEndpointID string          `json:"vpcEndpointId"`
	TLS           TLS             `json:"tlsDetails"`
	Addendum      *struct {
		Reason            string          `json:"reason"`
		UpdatedFields     json.RawMessage `json:"updatedFields"`
		OriginalRequestID string          `json:"originalRequestID"`
		OriginalEventID   string          `json:"originalEventID"`
	} `json:"addendum"`
}

func (d *document) fault(err error) error {
	if d.EventID == "" {
		return fmt.Errorf("parse CloudTrail record: %w", err)
	}
	return fmt.Errorf("parse CloudTrail record %q: %w", cut(d.EventID, maxIdentifier), err)
}

func (d *document) record() (Record, error) {
	if err := supported(d.EventVersion); err != nil {
		return Record{}, err
	}
	for _, required := range []struct{ name, value string }{
		{"eventSource", d.EventSource}, {"eventName", d.EventName}, {"awsRegion", d.AWSRegion}, {"eventID", d.EventID},
	} {
		switch {
		case required.value == "":
			return Record{}, fmt.Errorf("no %s", required.name)
		case len(required.value) > maxIdentifier:
			return Record{}, fmt.Errorf("%s of %d bytes", required.name, len(required.value))
		}
	}
	at, err := eventTime(d.EventTime)
	if err != nil {
		return Record{}, err
	}
	readOnly, err := readOnly(d.ReadOnly)
	if err != nil {
		return Record{}, err
	}
	r := Record{
		EventVersion:  d.EventVersion,
		UserIdentity:  d.identity(),
		EventTime:     at,
		EventSource:   d.EventSource,
		EventName:     d.EventName,
		AWSRegion:     d.AWSRegion,
		SourceIP:      cut(d.SourceIP, maxIdentifier),
		UserAgent:     cut(d.UserAgent, maxText),
		ErrorCode:     cut(d.ErrorCode, maxText),
		ErrorMessage:  cut(d.ErrorMessage, maxText),
		Request:       Request{ConnectionID: cut(connectionID(d.Request), maxConnection)},
		RequestID:     cut(d.RequestID, maxText),
		EventID:       d.EventID,
		SharedEventID: cut(d.SharedEventID, maxIdentifier),
		ReadOnly:      readOnly,
		EventType:     cut(d.EventType, maxIdentifier),
		RecipientID:   cut(d.RecipientID, maxIdentifier),
		VPCEndpointID: cut(d.VPCEndpointID, maxIdentifier),
		TLS: TLS{
			Version: cut(d.TLS.Version, maxIdentifier),
			Cipher:  cut(d.TLS.Cipher, maxIdentifier),
			Host:    cut(d.TLS.Host, maxText),
		},
	}
	if a := d.Addendum; a != nil {
		fields, err := updatedFields(a.UpdatedFields)
		if err != nil {
			return Record{}, err
		}
		r.Addendum = &Addendum{
			Reason:            cut(a.Reason, maxIdentifier),
			UpdatedFields:     fields,
			OriginalRequestID: cut(a.OriginalRequestID, maxText),
			OriginalEventID:   cut(a.OriginalEventID, maxIdentifier),
		}
	}
	return r, nil
}

func (d *document) identity() UserIdentity {
	u, session := d.UserIdentity.UserIdentity, d.UserIdentity.SessionContext
	return UserIdentity{
		Type:        cut(u.Type, maxIdentifier),
		PrincipalID: cut(u.PrincipalID, maxText),
		ARN:         cut(u.ARN, maxARN),
		AccountID:   cut(u.AccountID, maxIdentifier),
		AccessKeyID: cut(u.AccessKeyID, maxIdentifier),
		UserName:    cut(u.UserName, maxText),
		InvokedBy:   cut(u.InvokedBy, maxText),
		IssuerARN:   cut(first(session.SessionIssuer.ARN, u.IssuerARN), maxARN),
		SourceID:    cut(first(session.SourceIdentity, u.SourceID), maxText),
	}
}

// supported follows CloudTrail's rule for versions: another major number means
// that members have changed, a greater minor number that some were added.
func supported(version string) error {
	if version == "" {
		return fmt.Errorf("no eventVersion")
	}
	major, minor, _ := strings.Cut(version, ".")
	if _, err := strconv.ParseUint(minor, 10, 16); err != nil || major != "1" {
		return fmt.Errorf("eventVersion %q is not 1.x", cut(version, maxIdentifier))
	}
	return nil
}

func eventTime(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, fmt.Errorf("no eventTime")
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil || t.Year() < 1970 || t.Year() > 9998 {
		return time.Time{}, fmt.Errorf("eventTime %q is not a time", cut(s, maxIdentifier))
	}
	return t.UTC(), nil
}

// readOnly also takes the strings that LookupEvents has for it.
func readOnly(data json.RawMessage) (bool, error) {
	switch string(data) {
	case "true", `"true"`:
		return true, nil
	case "", "null", `""`, "false", `"false"`:
		return false, nil
	}
	return false, fmt.Errorf("readOnly is %q", cut(string(data), maxIdentifier))
}

// connectionID finds the parameter in whatever letter case the service gave it.
func connectionID(parameters json.RawMessage) string {
	var p struct {
		ConnectionID json.RawMessage `json:"connectionId"`
	}
	if bytes.HasPrefix(parameters, []byte("{")) && json.Unmarshal(parameters, &p) != nil {
		return ""
	}
	var id string
	if bytes.HasPrefix(p.ConnectionID, []byte(`"`)) && json.Unmarshal(p.ConnectionID, &id) != nil {
		return ""
	}
	return id
}

// updatedFields is a list, or a string that holds one.
func updatedFields(data json.RawMessage) ([]string, error) {
	var list []string
	switch {
	case len(data) == 0 || string(data) == "null":
		return nil, nil
	case data[0] == '"':
		var s string
		if err := json.Unmarshal(data, &s); err != nil {
			return nil, err
		}
		list = strings.Split(strings.Trim(s, "[]"), ",")
	default:
		if err := json.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("addendum.updatedFields: %w", err)
		}
	}
	var fields []string
	for _, f := range list {
		if f = strings.TrimSpace(f); f != "" && len(fields) < maxUpdated {
			fields = append(fields, cut(f, maxIdentifier))
		}
	}
	return fields, nil
}

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// cut returns at most the first n bytes of s, not splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return strings.Clone(s[:n])
}
