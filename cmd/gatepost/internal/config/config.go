package config

import "time"

// Config is the whole of gatepost.yaml. A zero Config is not usable: start
// from [Default] or [Load].
type Config struct {
	Proxy     Proxy     `yaml:"proxy"`
	Admin     Admin     `yaml:"admin"`
	Callers   Callers   `yaml:"callers"`
	Upstream  Upstream  `yaml:"upstream"`
	Cache     Cache     `yaml:"cache"`
	Audit     Audit     `yaml:"audit"`
	Correlate Correlate `yaml:"correlate"`
	Log       Log       `yaml:"log"`
}

// Proxy is the listener that callers sign requests for.
type Proxy struct {
	// Listen is the address callers connect to, host:port; port 0 picks a
	// free one. Without TLS it must be a loopback address: connection
	// details would otherwise cross the network readable, and a captured
	// request could be replayed within callers.clock_skew.
	Listen string `yaml:"listen" type:"address" usage:"address callers connect to"`
	// PublicNames are the Host values callers sign, with the port unless it
	// is the scheme's default. A request signed for any other host is
	// refused, so that one captured elsewhere cannot be replayed here. Empty
	// means the listen address and localhost with its port.
	PublicNames []string `yaml:"public_names" type:"names" usage:"Host values callers sign (default: the listen address and localhost:port)"`
	TLS         TLS      `yaml:"tls"`
	// InsecurePlaintext permits a listen address that is not loopback
	// without TLS. Only for a network path that something else encrypts.
	InsecurePlaintext bool `yaml:"insecure_plaintext" usage:"allow plaintext on an address that is not loopback"`
	// MaxConnections bounds the open connections, 1 to 1000000. Callers past
	// it wait in the kernel's accept queue.
	MaxConnections int `yaml:"max_connections" usage:"most connections open at once"`
	// HeaderTimeout bounds the arrival of a request's header, 100ms to 5m.
	// It is what a slow-header attack has to work with.
	HeaderTimeout time.Duration `yaml:"header_timeout" usage:"longest a request's header may take to arrive"`
	// RequestTimeout bounds a whole request, 1s to 15m; it must leave room
	// for upstream.timeout.
	RequestTimeout time.Duration `yaml:"request_timeout" usage:"longest a whole request may take"`
	// IdleTimeout closes a kept-alive connection on which nothing happens,
	// 1s to 1h.
	IdleTimeout time.Duration `yaml:"idle_timeout" usage:"longest a connection may stand idle between requests"`
}

// TLS names the files of the callers' listener. They are read again when they
// change; a pair that does not fit together leaves the old one in use.
type TLS struct {
	// CertFile is a PEM file with the certificate and its chain. It and
	// KeyFile are set together or not at all.
	CertFile string `yaml:"cert_file" type:"file" usage:"PEM file of the certificate and its chain"`
	// KeyFile is a PEM file with the certificate's private key.
	KeyFile string `yaml:"key_file" type:"file" usage:"PEM file of the certificate's private key"`
	// ClientCAFile is a PEM file of authorities. When set, a connection must
	// present a certificate that one of them issued, and signatures are
	// required all the same.
	ClientCAFile string `yaml:"client_ca_file" type:"file" usage:"PEM file of the authorities that issue callers' certificates"`
}

// Admin is the listener of the dashboard, the API, /metrics and health. It is
// never the proxy's.
type Admin struct {
	// Listen is its address, host:port; port 0 picks a free one. It speaks
	// plain HTTP: reach it from elsewhere through something that encrypts.
	Listen string `yaml:"listen" type:"address" usage:"address of the dashboard, API, metrics and health"`
	// PublicNames are the Host values that requests may have beside localhost and
	// IP addresses; ports do not matter. A request for any other host is refused:
	// its name was made to resolve to this machine.
	PublicNames []string `yaml:"public_names" type:"names" usage:"Host values of requests, beside localhost and IP addresses"`
	// TokensFile holds the admin tokens. Needed when Listen is not loopback:
	// the audit log names who connects what, to whoever may read it.
	TokensFile string `yaml:"tokens_file" type:"file" usage:"admin tokens; needed when admin.listen is not loopback"`
}

// Callers says who may call.
type Callers struct {
	// KeysFile holds the callers' keys and what each may do. Mode 0600 or
	// stricter: it holds secrets. A change takes effect on the next request.
	KeysFile string `yaml:"keys_file" type:"file" usage:"callers' keys, made by gatepost keys new; mode 0600"`
	// ClockSkew is how far a request's signing time may be from now, 1s to
	// 15m. It is also how long a captured request can be replayed.
	ClockSkew time.Duration `yaml:"clock_skew" usage:"how far a caller's clock may be off"`
}

// Upstream is AWS: where calls go and what they are signed with.
type Upstream struct {
	// Regions are the only regions a caller may sign for; the first is the
	// default. At least one.
	Regions []string `yaml:"regions" type:"regions" usage:"regions callers may sign for; the first is the default"`
	// Endpoint overrides AWS's address, for a VPC endpoint or a simulator:
	// scheme and host, with {region} replaced by the call's region. https,
	// except for a loopback host.
	Endpoint string `yaml:"endpoint" type:"url" usage:"address to call in place of AWS's own; {region} is replaced"`
	// FIPS calls AWS's FIPS 140 endpoints. Not together with Endpoint, which
	// already names the address.
	FIPS bool `yaml:"fips" usage:"call AWS's FIPS endpoints"`
	// Profile is the shared AWS configuration profile to sign with. Empty
	// means the SDK's default credential chain.
	Profile    string     `yaml:"profile" usage:"AWS profile to sign with (default: the SDK's credential chain)"`
	AssumeRole AssumeRole `yaml:"assume_role"`
	// Timeout bounds one call to AWS, its one retry included, 100ms to 5m.
	Timeout time.Duration `yaml:"timeout" usage:"longest a call to AWS may take"`
	// MaxInFlight bounds the calls to AWS at one time, 1 to 10000. Callers
	// past it are told to come back, before AWS throttles the account.
	MaxInFlight int `yaml:"max_in_flight" usage:"most calls to AWS at once"`
}

// AssumeRole is the role that calls are signed with.
type AssumeRole struct {
	// RoleARN is the role to assume. Empty signs with the credentials found.
	RoleARN string `yaml:"role_arn" type:"arn" usage:"role to assume for calls to AWS"`
	// PerPrincipal assumes the role once for each caller, with
	// RoleSessionName and SourceIdentity naming the caller: CloudTrail then
	// says who a call was for, and no two callers share a session.
	PerPrincipal bool `yaml:"per_principal" usage:"assume the role for each caller, named in CloudTrail"`
}

// The values of cache.scope.
const (
	ScopePrincipal = "principal"
	ScopeUpstream  = "upstream"
)

// Cache holds complete GetConnection answers in memory.
type Cache struct {
	// TTL is how long an answer may be served again, 0 to 15m; 0 turns the
	// cache off. A permission withdrawn in IAM alone holds back from a
	// cached answer only after this long; one withdrawn in the keys file
	// does at once.
	TTL time.Duration `yaml:"ttl" usage:"how long an answer may be served again; 0s turns the cache off"`
	// MaxBytes bounds the cache's memory, 1MiB to 1TiB.
	MaxBytes int64 `yaml:"max_bytes" usage:"memory for answers"`
	// Scope says who shares an entry: "principal", nobody, or "upstream",
	// principals whose calls are signed with the same AWS identity. The keys
	// file's policy is applied to every call either way.
	Scope string `yaml:"scope" type:"principal|upstream" usage:"who shares an answer"`
}

// IndexSQLite is the only value of audit.index.
const IndexSQLite = "sqlite"

// Audit is the log of every call.
type Audit struct {
	// Dir holds the log. One writer at a time; a local file system.
	Dir string `yaml:"dir" type:"directory" usage:"directory of the audit log"`
	// CommitTimeout is how long a request waits for its record to be on
	// disk, 1ms to 30s; past it the caller gets 503 and AWS is not called.
	CommitTimeout time.Duration `yaml:"commit_timeout" usage:"longest a request waits for its record to be durable"`
	// SegmentBytes is the size at which a new file is begun, 64KiB to 64GiB.
	SegmentBytes int64 `yaml:"segment_bytes" usage:"size at which a new log file is begun"`
	// CheckpointInterval is how often the log's state is signed, 10ms to 1h.
	// Only what a checkpoint kept elsewhere covers is proof against a
	// rewrite by whoever owns this machine.
	CheckpointInterval time.Duration `yaml:"checkpoint_interval" usage:"how often the log's state is signed"`
	// CheckpointCopies are where each signed checkpoint is also put, out of
	// reach of whoever can write the log: "stdout", one after the other;
	// "file:" and a path, which then holds the newest, on another volume or
	// machine; "command:" and a command by its full path, which gets it on
	// its standard input. The words of a command are parted by spaces, and
	// there is no shell. A copy that fails or hangs holds nothing up: the
	// log and /readyz tell of it. At the start the log is compared with the
	// files.
	CheckpointCopies []string `yaml:"checkpoint_copies" type:"copies" usage:"where else checkpoints go: stdout, file:PATH, command:/PATH ARGUMENTS"`
	// Origin is the log's name in checkpoints and events. Empty means
	// gatepost/ and the host's name. Changing it begins a different log.
	Origin string `yaml:"origin" type:"name" usage:"the log's name in checkpoints (default gatepost/<hostname>)"`
	// Index is the queryable copy of the log. It can be deleted and is
	// rebuilt.
	Index string `yaml:"index" type:"sqlite" usage:"the queryable copy of the log"`
	// Reserve is the disk space left free, 1MiB to 1TiB: calls are refused
	// when less is left, before a record could be cut short.
	Reserve int64 `yaml:"reserve" usage:"disk space to leave; calls are refused when less is free"`
}

// The values of correlate.source.
const (
	SourceLookupEvents = "lookup-events"
	SourceTrailFiles   = "trail-files"
	SourceOff          = "off"
)

// Correlate holds each attempt against AWS to CloudTrail's records.
type Correlate struct {
	// Source is where the records come from: "lookup-events", CloudTrail's
	// API; "trail-files", a trail's log files under TrailDir; or "off",
	// which leaves every attempt without a verdict and calls that went round
	// the proxy unnoticed.
	Source string `yaml:"source" type:"lookup-events|trail-files|off" usage:"where CloudTrail's records come from"`
	// Endpoint overrides CloudTrail's address; as upstream.endpoint.
	Endpoint string `yaml:"endpoint" type:"url" usage:"address to call in place of CloudTrail's own; {region} is replaced"`
	// TrailDir is the directory of a trail's log files.
	TrailDir string `yaml:"trail_dir" type:"directory" usage:"directory of a trail's log files, for source trail-files"`
	// TrailKeys is a directory of CloudTrail's public keys, as "aws cloudtrail
	// list-public-keys" prints them. Without it digests are held against each
	// other and against the log files, and nothing against their signatures.
	TrailKeys string `yaml:"trail_keys" type:"directory" usage:"directory of CloudTrail's public keys, for the digests of source trail-files"`
	// PollInterval is how often to look for new records, 100ms to 1h.
	PollInterval time.Duration `yaml:"poll_interval" usage:"how often to look for new records"`
	// LookupsPerSecond bounds calls to LookupEvents, above 0 and at most 2:
	// AWS allows 2 a second for an account and region, shared with every
	// other tool. A loopback Endpoint may be asked faster.
	LookupsPerSecond float64 `yaml:"lookups_per_second" usage:"calls to LookupEvents a second; AWS allows an account 2"`
	// LateAfter is when an attempt without a record counts as late, at least
	// PollInterval. CloudTrail usually delivers within 15 minutes.
	LateAfter time.Duration `yaml:"late_after" usage:"when an attempt without a record counts as late"`
	// SettleAfter is when its verdict is given, more than LateAfter and at
	// most 90 days, which is how far back LookupEvents reaches.
	SettleAfter time.Duration `yaml:"settle_after" usage:"when an attempt without a record gets its verdict"`
	// KnownDirect describes callers expected to reach AWS without gatepost,
	// such as an appliance's own tool. Their records are labelled, not
	// reported: keep the rules narrow.
	KnownDirect []KnownDirect `yaml:"known_direct" usage:"callers expected to go round the proxy, as YAML: [{principal_arn: …, source_ip: …}]"`
}

// KnownDirect is one rule of correlate.known_direct. At least one member is
// set, and a record must satisfy every one that is.
type KnownDirect struct {
	// PrincipalARN is the caller's ARN; * stands for any run of characters.
	PrincipalARN string `yaml:"principal_arn"`
	// SourceIP is an address or a CIDR prefix.
	SourceIP string `yaml:"source_ip"`
	// UserAgent is what the caller says of itself, which proves nothing; *
	// stands for any run of characters.
	UserAgent string `yaml:"user_agent"`
}

// Log is the operators' log on standard error. It is never the evidence.
type Log struct {
	// Level is the least severity written: debug, info, warn or error.
	Level string `yaml:"level" type:"debug|info|warn|error" usage:"least severity written to standard error"`
	// Format is text or json.
	Format string `yaml:"format" type:"text|json" usage:"form of the lines"`
}
