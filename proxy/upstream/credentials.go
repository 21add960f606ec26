package upstream

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// ownPrincipal names gatepost itself where each principal has a session of its
// own. A caller of this name would share that session, which is of the same role.
const ownPrincipal = "gatepost"

// Credentials are those that gatepost signs with on its own behalf, for other
// services of AWS than Outposts: the ones that calls are signed with, or, with a
// role for each principal, a session of that role for nobody in particular. They
// are kept fresh as those of calls are, so a caller need not cache them.
func (c *Client) Credentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(ctx context.Context) (aws.Credentials, error) {
		s, err := c.signers.sign(ctx, ownPrincipal)
		if err != nil {
			return aws.Credentials{}, credentialsError(ctx, "credentials", err)
		}
		return s.credentials, nil
	})
}

// Own is whom those credentials belong to.
func (c *Client) Own(ctx context.Context) (Identity, error) { return c.Identity(ctx, ownPrincipal) }
