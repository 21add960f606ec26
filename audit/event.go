package audit

import "time"

// Version is the schema version that every line starts with.
const Version = 1

// Kind says what an event records.
type Kind string

const (
	KindIntent  Kind = "intent"  // a call to AWS is about to be made
	KindOutcome Kind = "outcome" // how a call ended; of all a call's lines this one is "the event"
	KindVerdict Kind = "verdict" // what CloudTrail says about one attempt of a call
	KindFinding Kind = "finding" // a CloudTrail record that needs an eye
	KindAdmin   Kind = "admin"   // an operator's action on the admin listener
	KindSystem  Kind = "system"  // the life of the journal and of the process
)

// Decision is what the caller's policy said.
type Decision string

const (
	Allow Decision = "allow"
	Deny  Decision = "deny"
)

// CacheResult is the part that the cache played in an answer.
type CacheResult string

const (
	CacheHit       CacheResult = "hit"
	CacheMiss      CacheResult = "miss"
	CacheCoalesced CacheResult = "coalesced" // waited for somebody else's fill
	CacheBypass    CacheResult = "bypass"    // the operation is not cacheable, or the caller asked for a fresh answer
	CacheNone      CacheResult = "none"      // the call ended before the cache
)

// ActionOutcomeUnknown is the Action of the outcome that the journal gives a call
// whose process ended before anybody knew how the call did.
const ActionOutcomeUnknown = "outcome_unknown"

// Event is one entry of the log. The zero value of a field means "does not
// apply" and is left out of the line, with the exceptions that [AppendBody]
// names. The JSON names are the contract with everybody who reads the log.
type Event struct {
	V      int       `json:"v"`
	Index  uint64    `json:"index"` // position in the log, assigned by the journal
	ID     string    `json:"id"`    // UUIDv7; an intent and its outcome share it
	Kind   Kind      `json:"kind"`
	Time   time.Time `json:"time"`   // when the line was made; a call began DurationUS before its outcome
	Origin string    `json:"origin"` // the log's name, as in its checkpoints

	// Who called.
	Principal   string `json:"principal,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	SourceIP    string `json:"source_ip,omitempty"`
	SourcePort  uint16 `json:"source_port,omitempty"`
	TLS         *TLS   `json:"tls,omitempty"`
	UserAgent   string `json:"user_agent,omitempty"`

	// What was asked for.
	Operation    string `json:"operation,omitempty"`
	ReadOnly     bool   `json:"read_only,omitempty"`
	Region       string `json:"region,omitempty"`
	ConnectionID string `json:"connection_id,omitempty"`
	Path         string `json:"path,omitempty"` // escaped, for operations without a connection id

	// What gatepost decided.
	Decision Decision    `json:"decision,omitempty"`
	Reason   string      `json:"reason,omitempty"`
	Repeat   bool        `json:"repeat,omitempty"` // the signature was seen before
	Cache    CacheResult `json:"cache,omitempty"`
	Fill     *Fill       `json:"fill,omitempty"`

	// What was sent to AWS.
	Upstream *Upstream `json:"upstream,omitempty"`
	Attempts []Attempt `json:"attempts,omitempty"`

	// How it ended.
	Status         int        `json:"status,omitempty"`
	ErrorClass     ErrorClass `json:"error_class,omitempty"`
	ErrorCode      string     `json:"error_code,omitempty"`
	ResponseSHA256 string     `json:"response_sha256,omitempty"` // lower-case hex
	ResponseBytes  int64      `json:"response_bytes,omitempty"`
	DurationUS     int64      `json:"duration_us,omitempty"`
	CommitUS       int64      `json:"commit_us,omitempty"` // of the intent; an outcome cannot know its own
	ClientGone     bool       `json:"client_gone,omitempty"`

	// What verdicts, findings, admin and system events say.
	Action            string   `json:"action,omitempty"` // "start", "stop", "torn_tail", "outcome_unknown", "cache_purge", …
	Of                string   `json:"of,omitempty"`     // id of the event that this one is about
	OfAttempt         int      `json:"of_attempt,omitempty"`
	State             string   `json:"state,omitempty"`
	CloudTrailEventID string   `json:"cloudtrail_event_id,omitempty"`
	Evidence          string   `json:"evidence,omitempty"`
	LagMS             int64    `json:"lag_ms,omitempty"`
	Differences       []string `json:"differences,omitempty"`
	Count             uint64   `json:"count,omitempty"`
	Detail            string   `json:"detail,omitempty"`

	// Truncated names the fields that were cut to their cap, in the order of the
	// line: "user_agent", "upstream.endpoint", "attempts". The encoder adds what
	// it cuts itself; a name that is no capped field's is not written.
	Truncated []string `json:"truncated,omitempty"`
}

// TLS describes the caller's connection.
type TLS struct {
	Version string `json:"version,omitempty"`
	Cipher  string `json:"cipher,omitempty"`
	Client  string `json:"client,omitempty"` // subject of the client certificate
}

// Fill names the call to AWS whose answer a hit repeats.
type Fill struct {
	EventID   string `json:"event_id,omitempty"`
	RequestID string `json:"request_id,omitempty"`
	AgeMS     int64  `json:"age_ms"`
}

// Upstream is the identity and the endpoint that a call to AWS was made with.
type Upstream struct {
	Account     string `json:"account,omitempty"`
	IdentityARN string `json:"identity_arn,omitempty"`
	AccessKeyID string `json:"access_key_id,omitempty"`
	Endpoint    string `json:"endpoint,omitempty"`
}

// Attempt is one request that went out to AWS.
type Attempt struct {
	RequestID  string `json:"request_id,omitempty"`
	Status     int    `json:"status,omitempty"`
	ErrorCode  string `json:"error_code,omitempty"`
	DurationUS int64  `json:"duration_us,omitempty"`
}
