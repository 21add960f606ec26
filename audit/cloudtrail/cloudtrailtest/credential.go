package cloudtrailtest

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// The key of a simulator whose configuration names none: the example of AWS's
// documentation.
const (
	DefaultAccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	DefaultSecret      = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
)

// Credential is a key that may ask; the token is empty unless it is a session's.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
}

// AddCredential makes one more key valid, or an existing one with other values.
func (s *Simulator) AddCredential(c Credential) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[c.AccessKeyID] = c
}

// RemoveCredential makes a key unknown.
func (s *Simulator) RemoveCredential(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.keys, accessKeyID)
}

// Credentials is an SDK provider of the first key of the configuration.
func (s *Simulator) Credentials() aws.CredentialsProvider {
	return aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
		return aws.Credentials{
			AccessKeyID: s.first.AccessKeyID, SecretAccessKey: s.first.SecretAccessKey, SessionToken: s.first.SessionToken, Source: "cloudtrailtest",
		}, nil
	})
}

func (s *Simulator) credentials(accessKeyID string) (aws.Credentials, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.keys[accessKeyID]
	return aws.Credentials{AccessKeyID: c.AccessKeyID, SecretAccessKey: c.SecretAccessKey, SessionToken: c.SessionToken}, ok
}
