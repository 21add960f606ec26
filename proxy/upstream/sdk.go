package upstream

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
)

// loadSDK reads what the SDK reads: environment, shared configuration, instance
// metadata. Nothing is cached across calls, so that a changed file is seen.
func loadSDK(ctx context.Context, c *Config) (aws.Config, error) {
	options := []func(*config.LoadOptions) error{config.WithRegion(c.Regions[0])}
	if c.Credentials != nil {
		options = append(options, config.WithCredentialsProvider(c.Credentials))
	} else if c.Profile != "" {
		options = append(options, config.WithSharedConfigProfile(c.Profile))
	}
	sdk, err := config.LoadDefaultConfig(ctx, options...)
	if err != nil {
		return aws.Config{}, fmt.Errorf("load AWS configuration: %w", err)
	}
	return sdk, nil
}

// rootCAs are those of AWS_CA_BUNDLE or the profile's ca_bundle, which take the
// place of the system's; nil stands for the system's.
func rootCAs(sdk aws.Config) *x509.CertPool {
	client, ok := sdk.HTTPClient.(interface{ GetTransport() *http.Transport })
	if !ok {
		return nil
	}
	settings := client.GetTransport().TLSClientConfig
	if settings == nil {
		return nil
	}
	return settings.RootCAs
}

func newSigners(c *Config, sdk aws.Config, endpoints map[string]endpoint, transport http.RoundTripper) *signers {
	work := newBackground(c.Timeout)
	partition := partition(c.Regions[0])
	base := &session{
		name: "base", work: work, log: c.Logger,
		retrieve: func(ctx context.Context) (*snapshot, error) { return retrieveBase(ctx, c, partition) },
	}
	client, elsewhere := newSTS(c, sdk, base, transport)
	s := newSessions(base, work, func(principal string) *session {
		return &session{
			name: principal, work: work, log: c.Logger,
			retrieve: func(ctx context.Context) (*snapshot, error) {
				return assumeRole(ctx, client, base, c.AssumeRole.RoleARN, principal)
			},
		}
	})
	switch {
	case c.AssumeRole.PerPrincipal:
	case c.AssumeRole.RoleARN != "":
		s.shared = s.open("")
		s.shared.name = "role"
	default:
		s.shared = base
		// A simulator's credentials are nobody to the real STS, and a test must not
		// talk to it.
		if elsewhere || !isLoopback(endpoints[c.Regions[0]].host) {
			s.caller = &caller{ask: getCallerIdentity(client), work: work, log: c.Logger}
		}
	}
	reporting := base
	if s.shared != nil {
		reporting = s.shared
	}
	reporting.obtained = func(set *snapshot) { c.Observer.CredentialsExpiry(set.identity.Expires) }
	return s
}

// retrieveBase asks the default chain afresh. It does not keep the SDK's provider
// across retrievals: that is a snapshot of the environment and of the files of the
// day it was made, and static keys that were rotated since would stay.
func retrieveBase(ctx context.Context, c *Config, partition string) (*snapshot, error) {
	provider := c.Credentials
	if provider == nil {
		sdk, err := loadSDK(ctx, c)
		if err != nil {
			return nil, err
		}
		provider = sdk.Credentials
	}
	creds, err := provider.Retrieve(ctx)
	if err != nil {
		return nil, fmt.Errorf("retrieve base credentials: %w", err)
	}
	return newSnapshot(creds, Identity{Account: creds.AccountID, Partition: partition})
}

var errNoKeys = errors.New("credentials without keys")

func newSnapshot(creds aws.Credentials, identity Identity) (*snapshot, error) {
	if !creds.HasKeys() {
		return nil, errNoKeys
	}
	identity.AccessKeyID = creds.AccessKeyID
	if creds.CanExpire {
		identity.Expires = creds.Expires
	}
	return &snapshot{credentials: creds, identity: identity, obtained: time.Now()}, nil
}
