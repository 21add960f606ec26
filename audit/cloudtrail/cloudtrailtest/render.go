package cloudtrailtest

import (
	"net/url"
	"time"
)

// record is a CloudTrail record in full, under its own names and in its order.
type record struct {
	EventVersion       string            `json:"eventVersion"`
	UserIdentity       userIdentity      `json:"userIdentity"`
	EventTime          string            `json:"eventTime"`
	EventSource        string            `json:"eventSource"`
	EventName          string            `json:"eventName"`
	AWSRegion          string            `json:"awsRegion"`
	SourceIPAddress    string            `json:"sourceIPAddress"`
	UserAgent          string            `json:"userAgent,omitempty"`
	ErrorCode          string            `json:"errorCode,omitempty"`
	ErrorMessage       string            `json:"errorMessage,omitempty"`
	RequestParameters  map[string]string `json:"requestParameters"`
	ResponseElements   map[string]string `json:"responseElements"`
	RequestID          string            `json:"requestID,omitempty"`
	EventID            string            `json:"eventID"`
	ReadOnly           bool              `json:"readOnly"`
	EventType          string            `json:"eventType"`
	ManagementEvent    bool              `json:"managementEvent"`
	RecipientAccountID string            `json:"recipientAccountId"`
	SharedEventID      string            `json:"sharedEventID,omitempty"`
	Addendum           *addendum         `json:"addendum,omitempty"`
	EventCategory      string            `json:"eventCategory"`
	TLSDetails         *tlsDetails       `json:"tlsDetails,omitempty"`
}

type userIdentity struct {
	Type           string          `json:"type,omitempty"`
	PrincipalID    string          `json:"principalId,omitempty"`
	ARN            string          `json:"arn,omitempty"`
	AccountID      string          `json:"accountId,omitempty"`
	AccessKeyID    string          `json:"accessKeyId,omitempty"`
	UserName       string          `json:"userName,omitempty"`
	SessionContext *sessionContext `json:"sessionContext,omitempty"`
	InvokedBy      string          `json:"invokedBy,omitempty"`
}

type sessionContext struct {
	SessionIssuer  *sessionIssuer    `json:"sessionIssuer,omitempty"`
	Attributes     map[string]string `json:"attributes"`
	SourceIdentity string            `json:"sourceIdentity,omitempty"`
}

type sessionIssuer struct {
	Type      string `json:"type"`
	ARN       string `json:"arn"`
	AccountID string `json:"accountId"`
	UserName  string `json:"userName,omitempty"`
}

type tlsDetails struct {
	TLSVersion               string `json:"tlsVersion,omitempty"`
	CipherSuite              string `json:"cipherSuite,omitempty"`
	ClientProvidedHostHeader string `json:"clientProvidedHostHeader,omitempty"`
}

type addendum struct {
	Reason            string   `json:"reason"`
	UpdatedFields     []string `json:"updatedFields,omitempty"`
	OriginalRequestID string   `json:"originalRequestID,omitempty"`
	OriginalEventID   string   `json:"originalEventID,omitempty"`
}

const (
	eventVersion = "1.11"
	mask         = "***"
	otherAccount = "210987654321"

	// Of an id of 36 characters, so few that no two have to be different.
	truncatedRequestLength = 8
	wrongErrorCode         = "InternalFailure"
)

// identified is the eventID of a delivery; duplicates share it.
func (s *Simulator) identified(e *entry, d delivery) string {
	switch {
	case d.flags&correction != 0:
		return s.id(e, idOfCorrection)
	case d.flags&sharedCopy != 0:
		return s.id(e, idOfCopy)
	}
	return s.id(e, idOfEvent)
}

func (s *Simulator) filedUnder(e *entry, d delivery) string {
	if d.flags&elsewhere != 0 {
		return s.otherRegion
	}
	return e.common.region
}

// render makes the record that one delivery is of.
func (s *Simulator) render(e *entry, d delivery) *record {
	c := e.common
	r := &record{
		EventVersion:       eventVersion,
		UserIdentity:       c.principal.identity(time.Unix(e.eventTime, 0)),
		EventTime:          time.Unix(e.eventTime, 0).UTC().Format(time.RFC3339),
		EventSource:        c.source,
		EventName:          c.operation,
		AWSRegion:          s.filedUnder(e, d),
		SourceIPAddress:    c.sourceIP,
		UserAgent:          e.userAgent(),
		ErrorCode:          c.errorCode,
		ErrorMessage:       c.errorMessage,
		RequestID:          e.requestID(),
		EventID:            s.identified(e, d),
		ReadOnly:           c.readOnly,
		EventType:          "AwsApiCall",
		ManagementEvent:    true,
		RecipientAccountID: c.principal.Account,
		EventCategory:      "Management",
	}
	if c.tlsVersion != "" {
		r.TLSDetails = &tlsDetails{c.tlsVersion, c.cipherSuite, c.host}
	}
	if id := e.connectionID(); id != "" {
		switch {
		case d.flags&masked != 0:
			id = mask
		case d.flags&encoded != 0:
			id = url.QueryEscape(id)
		}
		if c.readOnly {
			r.RequestParameters = map[string]string{"ConnectionId": id}
		} else {
			r.ResponseElements = map[string]string{"ConnectionId": id}
		}
	}
	r.amend(s, e, d)
	r.spoil(d.flags)
	return r
}

// amend says what the record has to do with others of the same event.
func (r *record) amend(s *Simulator, e *entry, d delivery) {
	if d.flags&(sharedOriginal|sharedCopy) != 0 {
		r.SharedEventID = s.id(e, idOfShared)
	}
	if d.flags&sharedCopy != 0 {
		r.RecipientAccountID = otherAccount
	}
	switch {
	case d.flags&correction != 0:
		r.RequestID = s.id(e, requestOfCorrection)
		r.Addendum = &addendum{
			Reason:            "UPDATED_DATA",
			UpdatedFields:     []string{"userAgent", "errorCode"},
			OriginalRequestID: e.requestID(),
			OriginalEventID:   s.id(e, idOfEvent),
		}
	case d.flags&outage != 0:
		r.Addendum = &addendum{Reason: "SERVICE_OUTAGE"}
	case d.flags&late != 0:
		r.Addendum = &addendum{Reason: "DELIVERY_DELAY"}
	}
}

// spoil takes from the record what its faults take.
func (r *record) spoil(f flags) {
	if f&uncorrected != 0 {
		r.UserAgent, r.ErrorCode = "", wrongErrorCode
	}
	switch {
	case f&noRequestID != 0:
		r.RequestID = ""
	case f&truncatedRequestID != 0:
		r.RequestID = r.RequestID[:min(truncatedRequestLength, len(r.RequestID))]
	}
	switch {
	case f&noUserAgent != 0:
		r.UserAgent = ""
	case f&truncatedUserAgent != 0:
		r.UserAgent = r.UserAgent[:len(r.UserAgent)/2]
	}
}

func (p *Principal) identity(when time.Time) userIdentity {
	u := userIdentity{
		Type: p.Type, PrincipalID: p.PrincipalID, ARN: p.ARN, AccountID: p.Account,
		AccessKeyID: p.AccessKeyID, UserName: p.UserName, InvokedBy: p.InvokedBy,
	}
	if p.IssuerARN == "" && p.SourceIdentity == "" {
		return u
	}
	u.UserName = ""
	u.SessionContext = &sessionContext{
		Attributes:     map[string]string{"creationDate": when.UTC().Truncate(time.Hour).Format(time.RFC3339), "mfaAuthenticated": "false"},
		SourceIdentity: p.SourceIdentity,
	}
	if p.IssuerARN != "" {
		u.SessionContext.SessionIssuer = &sessionIssuer{Type: "Role", ARN: p.IssuerARN, AccountID: p.Account, UserName: p.UserName}
	}
	return u
}

func (r *record) json() []byte { return encode(r) }
