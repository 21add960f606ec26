package upstream

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/arn"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/gatepost-proxy/gatepost/audit"
)

// sharedSession is the RoleSessionName of a role that all principals share.
const sharedSession = "gatepost"

// stsAttempts is one retry, as for every other call: a session that stays refused
// is backed off from as a whole.
const stsAttempts = 2

// newSTS makes the client that assumes roles with the base credentials. elsewhere
// says that the configuration sends it somewhere other than AWS's own address.
func newSTS(c *Config, sdk aws.Config, base *session, transport http.RoundTripper) (client *sts.Client, elsewhere bool) {
	client = sts.NewFromConfig(sdk, func(o *sts.Options) {
		o.Region = c.Regions[0]
		o.Credentials = provider{base}
		o.RetryMaxAttempts = stsAttempts
		o.HTTPClient = &http.Client{
			Transport:     transport,
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
		if c.STSEndpoint != "" {
			o.BaseEndpoint = &c.STSEndpoint
		}
		elsewhere = o.BaseEndpoint != nil
		if c.FIPS && !elsewhere { // STS's rules refuse both at once
			o.EndpointOptions.UseFIPSEndpoint = aws.FIPSEndpointStateEnabled
		}
	})
	return client, elsewhere
}

// provider gives the SDK what a session has now.
type provider struct{ session *session }

func (p provider) Retrieve(ctx context.Context) (aws.Credentials, error) {
	set, err := p.session.get(ctx)
	if err != nil {
		return aws.Credentials{}, err
	}
	return set.credentials, nil
}

// assumeRole makes a session for a principal, or the one that all share when there
// is none to name.
func assumeRole(ctx context.Context, client *sts.Client, base *session, roleARN, principal string) (*snapshot, error) {
	set, err := base.get(ctx)
	if err != nil {
		return nil, err
	}
	in := &sts.AssumeRoleInput{RoleArn: &roleARN, RoleSessionName: new(sharedSession)}
	if principal != "" {
		name := sessionName(principal)
		in.RoleSessionName, in.SourceIdentity = &name, &name
	}
	out, err := client.AssumeRole(ctx, in)
	if err != nil {
		if refusal, ok := errors.AsType[smithy.APIError](err); ok && classify(http.StatusForbidden, refusal.ErrorCode()) == audit.ErrorClassAWSAuth {
			base.refuse(set)
		}
		return nil, fmt.Errorf("assume role %s: %w", roleARN, err)
	}
	if out.Credentials == nil || out.AssumedRoleUser == nil || out.Credentials.Expiration == nil {
		return nil, fmt.Errorf("assume role %s: answer is incomplete", roleARN)
	}
	who, err := arn.Parse(aws.ToString(out.AssumedRoleUser.Arn))
	if err != nil {
		return nil, fmt.Errorf("assume role %s: %w", roleARN, err)
	}
	return newSnapshot(
		aws.Credentials{
			AccessKeyID:     aws.ToString(out.Credentials.AccessKeyId),
			SecretAccessKey: aws.ToString(out.Credentials.SecretAccessKey),
			SessionToken:    aws.ToString(out.Credentials.SessionToken),
			CanExpire:       true,
			Expires:         *out.Credentials.Expiration,
		},
		Identity{Account: who.AccountID, ARN: who.String(), Partition: who.Partition},
	)
}

// getCallerIdentity asks whose a set of credentials is, signed with that very set.
func getCallerIdentity(client *sts.Client) func(context.Context, *snapshot) (account, arn string, err error) {
	return func(ctx context.Context, set *snapshot) (string, string, error) {
		out, err := client.GetCallerIdentity(ctx, nil, func(o *sts.Options) { o.Credentials = fixed(set.credentials) })
		if err != nil {
			return "", "", err
		}
		return aws.ToString(out.Account), aws.ToString(out.Arn), nil
	}
}

// fixed gives the SDK one set of credentials.
type fixed aws.Credentials

func (f fixed) Retrieve(context.Context) (aws.Credentials, error) { return aws.Credentials(f), nil }
