package cloudtrailtest

import "time"

// Faults are what goes wrong between a call and its record. Shares are from 0 to
// 1, of the events to which a fault can happen; each is drawn on its own, so one
// record can have several. The zero value is a CloudTrail without any fault that
// delivers at once.
type Faults struct {
	Seed  uint64
	Delay Delay // nil: at once

	// Loss is the share of events that never get a record.
	Loss float64

	// Duplicates is the share of records that are delivered twice under one
	// eventID. SharedCopies is the share with a copy for another account: another
	// eventID, the same sharedEventID.
	Duplicates   float64
	SharedCopies float64

	// LateAddenda is the share of records that come LateBy (three hours when zero)
	// after their delay, under an addendum that says DELIVERY_DELAY.
	LateAddenda float64
	LateBy      time.Duration

	// Corrections is the share of records that are wrong (the error code, no user
	// agent) and corrected CorrectedAfter (an hour when zero) later by a record with
	// eventID and requestID of its own, with an addendum that says UPDATED_DATA and
	// names the first's.
	Corrections    float64
	CorrectedAfter time.Duration

	// Outages hold records back.
	Outages []Outage

	// What is missing of a record, or in another form.
	NoRequestID         float64
	TruncatedRequestID  float64 // after 8 characters
	NoUserAgent         float64
	TruncatedUserAgent  float64 // in the middle, as what does not fit 1 KB is
	MaskedParameters    float64 // "***"
	EncodedConnectionID float64 // as in the path: %2B for +

	// WrongRegion is the share of records filed under OtherRegion (us-east-1 when
	// empty).
	WrongRegion float64
	OtherRegion string

	// Skew bounds how far the clock of a service's host is from the true time.
	Skew time.Duration

	// OtherPrincipals is the share of events near which another principal calls the
	// same operation; OtherServices the share near which AWS Glue's operation of the
	// same name is called.
	OtherPrincipals float64
	OtherServices   float64

	// RecordRefused makes records of requests that failed authentication too.
	RecordRefused bool

	// Shuffled gives records out in an order that means nothing, as log files do.
	Shuffled bool
}

// Outage is a time whose records are held back until it is over.
type Outage struct {
	From, To time.Time
	Addendum bool // they say SERVICE_OUTAGE
}
