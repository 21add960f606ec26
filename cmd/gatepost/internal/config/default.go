package config

import "time"

const (
	mebibyte = 1 << 20
	gibibyte = 1 << 30
)

// Default returns the settings that hold when nothing is configured: one
// region, loopback only.
func Default() Config {
	return Config{
		Proxy: Proxy{
			Listen:         "127.0.0.1:8080",
			MaxConnections: 10000,
			HeaderTimeout:  5 * time.Second,
			RequestTimeout: 30 * time.Second,
			IdleTimeout:    120 * time.Second,
		},
		Admin: Admin{Listen: "127.0.0.1:9090"},
		Callers: Callers{
			KeysFile:  "keys.yaml",
			ClockSkew: 5 * time.Minute,
		},
		Upstream: Upstream{
			Regions:     []string{"us-west-2"},
			Timeout:     10 * time.Second,
			MaxInFlight: 64,
		},
		Cache: Cache{
			TTL:      60 * time.Second,
			MaxBytes: 64 * mebibyte,
			Scope:    ScopePrincipal,
		},
		Audit: Audit{
			Dir:                "data/audit",
			CommitTimeout:      250 * time.Millisecond,
			SegmentBytes:       128 * mebibyte,
			CheckpointInterval: time.Second,
			Index:              IndexSQLite,
			Reserve:            256 * mebibyte,
		},
		Correlate: Correlate{
			Source:           SourceLookupEvents,
			PollInterval:     60 * time.Second,
			LookupsPerSecond: 1,
			LateAfter:        15 * time.Minute,
			SettleAfter:      2 * time.Hour,
		},
		Log: Log{Level: "info", Format: "text"},
	}
}
