package upstream

import (
	"log/slog"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// Config says where calls go and whose credentials sign them.
type Config struct {
	// Regions are the regions served. The first one is also where roles are
	// assumed.
	Regions []string

	// Endpoint replaces AWS's own address, for a VPC endpoint or a simulator:
	// scheme and host, in which {region} stands for the call's region. Empty
	// means the address that AWS's SDK knows for the region.
	Endpoint string

	// STSEndpoint replaces the address of STS. Empty means what the SDK finds:
	// AWS_ENDPOINT_URL_STS, the profile, or the region's own.
	STSEndpoint string

	// FIPS asks for the FIPS endpoints of AWS. It has no effect on an Endpoint
	// that was given.
	FIPS bool

	// Profile names a profile of the shared configuration. Empty means the SDK's
	// default.
	Profile string

	// Credentials replace the SDK's default chain, for a simulator. Profile does
	// not apply then.
	Credentials aws.CredentialsProvider

	AssumeRole AssumeRole

	// Timeout bounds a whole call: waiting for its turn and for credentials, the
	// retry, and reading the answer. Zero means [DefaultTimeout].
	Timeout time.Duration

	// MaxInFlight bounds the calls that are under way at the same time. One more
	// waits for a moment and is then refused as overload. Zero means
	// [DefaultMaxInFlight].
	MaxInFlight int

	// Version is gatepost's, for the User-Agent.
	Version string

	// Logger is for operators; nil discards. It never sees a secret.
	Logger *slog.Logger

	// Observer is told what happens; nil is nobody.
	Observer Observer
}

// AssumeRole makes calls with a role's sessions in place of the base
// credentials.
type AssumeRole struct {
	// RoleARN names the role. Empty means that no role is assumed.
	RoleARN string

	// PerPrincipal gives each principal a session of its own, whose
	// RoleSessionName and SourceIdentity name the principal.
	PerPrincipal bool
}

const (
	// DefaultTimeout leaves an SDK, which waits for 60 s or more, time to retry.
	DefaultTimeout = 10 * time.Second

	// DefaultMaxInFlight is far above what AWS lets one account do and far below
	// what exhausts a small machine.
	DefaultMaxInFlight = 64
)

// Observer is told about the traffic to AWS, for metrics. Its methods are called
// from the goroutine that serves a call: they must not block.
type Observer interface {
	// InFlight reports that the number of calls under way changed by delta.
	InFlight(delta int)

	// Attempt reports one try and the audit.ErrorClass that it ended in. A try
	// that never got a connection is reported too.
	Attempt(operation, region, class string, took time.Duration)

	// CredentialsExpiry reports when the credentials just obtained expire; the
	// zero time means never. With a role for each principal these are the base
	// credentials, which every session hangs on.
	CredentialsExpiry(at time.Time)
}
