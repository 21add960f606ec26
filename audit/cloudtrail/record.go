package cloudtrail

import "time"

// EventSource is the service whose records concern gatepost. Other services have
// operations of the same names.
const EventSource = "outposts.amazonaws.com"

// Masked stands in a record for a value that CloudTrail does not tell.
const Masked = "***"

// Record is what gatepost keeps of a CloudTrail record (eventVersion 1.x). Its
// JSON form is itself a part of a record, under CloudTrail's own names:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-event-reference-record-contents.html
type Record struct {
	EventVersion  string       `json:"eventVersion"`
	UserIdentity  UserIdentity `json:"userIdentity"`
	EventTime     time.Time    `json:"eventTime"` // when the call completed, in whole seconds of the service's clock
	EventSource   string       `json:"eventSource"`
	EventName     string       `json:"eventName"`
	AWSRegion     string       `json:"awsRegion"` // that served the call
	SourceIP      string       `json:"sourceIPAddress,omitempty"`
	UserAgent     string       `json:"userAgent,omitempty"`
	ErrorCode     string       `json:"errorCode,omitempty"`
	ErrorMessage  string       `json:"errorMessage,omitempty"`
	Request       Request      `json:"requestParameters,omitzero"`
	RequestID     string       `json:"requestID,omitempty"` // optional, and not filled by every service
	EventID       string       `json:"eventID"`
	SharedEventID string       `json:"sharedEventID,omitempty"` // of copies of one event in several accounts
	ReadOnly      bool         `json:"readOnly"`
	EventType     string       `json:"eventType"`
	RecipientID   string       `json:"recipientAccountId,omitempty"`
	VPCEndpointID string       `json:"vpcEndpointId,omitempty"`
	TLS           TLS          `json:"tlsDetails,omitzero"`
	Addendum      *Addendum    `json:"addendum,omitempty"`
}

// UserIdentity is who called.
type UserIdentity struct {
	Type        string `json:"type,omitempty"`
	PrincipalID string `json:"principalId,omitempty"`
	ARN         string `json:"arn,omitempty"`
	AccountID   string `json:"accountId,omitempty"`
	AccessKeyID string `json:"accessKeyId,omitempty"`
	UserName    string `json:"userName,omitempty"`
	InvokedBy   string `json:"invokedBy,omitempty"`
	IssuerARN   string `json:"sessionIssuerArn,omitempty"` // sessionContext.sessionIssuer.arn: the role of an assumed-role session
	SourceID    string `json:"sourceIdentity,omitempty"`   // sessionContext.sourceIdentity
}

// Request is what gatepost keeps of the request's parameters.
type Request struct {
	ConnectionID string `json:"connectionId,omitempty"` // as in the record: decoded, encoded or Masked
}

// TLS describes the caller's connection to AWS.
type TLS struct {
	Version string `json:"tlsVersion,omitempty"`
	Cipher  string `json:"cipherSuite,omitempty"`
	Host    string `json:"clientProvidedHostHeader,omitempty"`
}

// Addendum says that a record corrects or replaces one that was delivered before,
// under an eventID of its own.
type Addendum struct {
	Reason            string   `json:"reason"` // DELIVERY_DELAY, UPDATED_DATA, SERVICE_OUTAGE
	UpdatedFields     []string `json:"updatedFields,omitempty"`
	OriginalRequestID string   `json:"originalRequestID,omitempty"`
	OriginalEventID   string   `json:"originalEventID,omitempty"`
}
