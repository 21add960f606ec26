package outpoststest

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/base64"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// PrincipalType is CloudTrail's userIdentity.type.
type PrincipalType string

const (
	IAMUser     PrincipalType = "IAMUser"
	AssumedRole PrincipalType = "AssumedRole"
)

// Principal is who made a call.
type Principal struct {
	Type           PrincipalType
	ARN            string
	Account        string
	PrincipalID    string // AIDA… or AROA…:session
	AccessKeyID    string
	UserName       string // of an IAM user
	RoleARN        string // of an assumed role
	SessionName    string
	SourceIdentity string
	Issued         time.Time // of a session
}

// Credential is a long-term key of an IAM user.
type Credential struct {
	AccessKeyID     string
	SecretAccessKey string
	UserName        string
	Account         string // the simulator's when empty
}

// Session is a set of temporary credentials.
type Session struct {
	Principal       Principal
	AccessKeyID     string
	SecretAccessKey string
	SessionToken    string
	Expires         time.Time
}

// Denial refuses calls with AccessDenied. An empty field stands for any.
type Denial struct {
	PrincipalARN string
	Operation    string
	ConnectionID string
	RoleARN      string // of AssumeRole
}

func (d Denial) covers(c *Call, roleARN string) bool {
	return (d.PrincipalARN == "" || d.PrincipalARN == c.Principal.ARN) &&
		(d.Operation == "" || d.Operation == c.Operation) &&
		(d.ConnectionID == "" || d.ConnectionID == c.ConnectionID) &&
		(d.RoleARN == "" || d.RoleARN == roleARN)
}

// key is what the simulator knows about one access key id.
type key struct {
	principal Principal
	secret    string
	token     string    // "" for a long-term key
	expires   time.Time // zero: never
	revoked   bool
}

func (k *key) credentials() aws.Credentials {
	return aws.Credentials{AccessKeyID: k.principal.AccessKeyID, SecretAccessKey: k.secret, SessionToken: k.token}
}

// Credentials is an SDK provider of the first configured long-term key.
func (s *Simulator) Credentials() aws.CredentialsProvider {
	return s.CredentialsOf(s.first)
}

// CredentialsOf is an SDK provider of one key, long-term or of a session. An
// unknown id gives credentials that the simulator refuses.
func (s *Simulator) CredentialsOf(accessKeyID string) aws.CredentialsProvider {
	s.mu.Lock()
	defer s.mu.Unlock()
	creds := aws.Credentials{AccessKeyID: accessKeyID, SecretAccessKey: "unknown"}
	if k := s.keys[accessKeyID]; k != nil {
		creds = k.credentials()
	}
	creds.Source = "outpoststest"
	return staticProvider(creds)
}

type staticProvider aws.Credentials

func (p staticProvider) Retrieve(_ context.Context) (aws.Credentials, error) {
	return aws.Credentials(p), nil
}

// AddCredential makes one more long-term key valid, or an existing one with a
// changed secret.
func (s *Simulator) AddCredential(c Credential) {
	account := c.Account
	if account == "" {
		account = s.account
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[c.AccessKeyID] = &key{secret: c.SecretAccessKey, principal: Principal{
		Type:        IAMUser,
		ARN:         "arn:" + s.partition + ":iam::" + account + ":user/" + c.UserName,
		Account:     account,
		PrincipalID: "AIDA" + strings.TrimPrefix(c.AccessKeyID, "AKIA"),
		AccessKeyID: c.AccessKeyID,
		UserName:    c.UserName,
	}}
}

// IssueSession makes temporary credentials without a call to STS.
func (s *Simulator) IssueSession(roleARN, sessionName, sourceIdentity string, lifetime time.Duration) Session {
	now := s.now()
	account, roleName := splitRole(roleARN)
	if account == "" {
		account = s.account
	}
	principal := Principal{
		Type:           AssumedRole,
		ARN:            "arn:" + s.partition + ":sts::" + account + ":assumed-role/" + roleName + "/" + sessionName,
		Account:        account,
		PrincipalID:    "AROA" + stableID(roleARN) + ":" + sessionName,
		AccessKeyID:    "ASIA" + randomID(),
		RoleARN:        roleARN,
		SessionName:    sessionName,
		SourceIdentity: sourceIdentity,
		Issued:         now.Truncate(time.Second),
	}
	issued := &key{
		principal: principal,
		secret:    randomText(30),
		token:     randomText(96),
		expires:   now.Add(lifetime),
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[principal.AccessKeyID] = issued
	s.sessions = append(s.sessions, principal.AccessKeyID)
	return issued.session()
}

func (k *key) session() Session {
	return Session{
		Principal:       k.principal,
		AccessKeyID:     k.principal.AccessKeyID,
		SecretAccessKey: k.secret,
		SessionToken:    k.token,
		Expires:         k.expires,
	}
}

// Sessions are the sessions issued so far, oldest first.
func (s *Simulator) Sessions() []Session {
	s.mu.Lock()
	defer s.mu.Unlock()
	issued := make([]Session, 0, len(s.sessions))
	for _, id := range s.sessions {
		issued = append(issued, s.keys[id].session())
	}
	return issued
}

// Revoke makes a key unknown to the simulator from now on, as deleting an access
// key does.
func (s *Simulator) Revoke(accessKeyID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[accessKeyID]; k != nil {
		k.revoked = true
	}
}

// Expire ends a session before its time.
func (s *Simulator) Expire(accessKeyID string) {
	now := s.now()
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.keys[accessKeyID]; k != nil {
		k.expires = now
	}
}

// Deny refuses the calls that d covers until [Simulator.Permit] is given the
// same denial.
func (s *Simulator) Deny(d Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.denials = append(s.denials, d)
}

// Permit takes a denial back.
func (s *Simulator) Permit(d Denial) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.denials[:0]
	for _, have := range s.denials {
		if have != d {
			kept = append(kept, have)
		}
	}
	s.denials = kept
}

func (s *Simulator) denied(c *Call, roleARN string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range s.denials {
		if d.covers(c, roleARN) {
			return true
		}
	}
	return false
}

// splitRole takes the account and the name, without its path, from a role's ARN.
func splitRole(arn string) (account, name string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 || parts[2] != "iam" || !strings.HasPrefix(parts[5], "role/") {
		return "", ""
	}
	return parts[4], parts[5][strings.LastIndexByte(parts[5], '/')+1:]
}

// randomID is the random part of an access key id: 16 characters of base 32.
func randomID() string {
	var b [10]byte
	rand.Read(b[:])
	return base32.StdEncoding.EncodeToString(b[:])
}

// randomText is base 64, as AWS's secrets and tokens are, slashes and all.
func randomText(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b)
	return base64.StdEncoding.EncodeToString(b)
}
