package upstream

import (
	"context"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// rotating is a source of base credentials that changes.
type rotating struct {
	current aws.CredentialsProvider
	expires time.Time // zero: never
	err     error
}

func (r *rotating) Retrieve(ctx context.Context) (aws.Credentials, error) {
	if r.err != nil {
		return aws.Credentials{}, r.err
	}
	creds, err := r.current.Retrieve(ctx)
	creds.CanExpire, creds.Expires = !r.expires.IsZero(), r.expires
	return creds, err
}
