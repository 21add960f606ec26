package outpoststest_test

import (
	"errors"
	"net/http"
	"regexp"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

func newSTS(sim *outpoststest.Server, p aws.CredentialsProvider) *sts.Client {
	return sts.New(sts.Options{BaseEndpoint: &sim.STSURL, Region: sim.Region(), Credentials: p, RetryMaxAttempts: 1})
}

func assume(t *testing.T, sim *outpoststest.Server, edit func(*sts.AssumeRoleInput)) (*sts.AssumeRoleOutput, error) {
	t.Helper()
	in := &sts.AssumeRoleInput{
		RoleArn: new(outpoststest.DefaultRoleARN), RoleSessionName: new("installer-fra1"), SourceIdentity: new("installer-fra1"),
	}
	if edit != nil {
		edit(in)
	}
	return newSTS(sim, sim.Credentials()).AssumeRole(t.Context(), in)
}

func codeOf(t *testing.T, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	apiError, ok := errors.AsType[smithy.APIError](err)
	if !ok {
		t.Fatal(err)
	}
	return apiError.ErrorCode()
}

func TestAssumeRole(t *testing.T) {
	for _, separate := range []bool{false, true} {
		sim := start(t, outpoststest.Config{SeparateSTS: separate})
		if (sim.URL != sim.STSURL) != separate {
			t.Errorf("addresses %s and %s", sim.URL, sim.STSURL)
		}
		out, err := assume(t, sim, nil)
		if err != nil {
			t.Fatal(err)
		}
		const arn = "arn:aws:sts::123456789012:assumed-role/installer/installer-fra1"
		if *out.AssumedRoleUser.Arn != arn || *out.SourceIdentity != "installer-fra1" || time.Until(*out.Credentials.Expiration) < 59*time.Minute {
			t.Errorf("answer %+v", out)
		}
		if !regexp.MustCompile(`^ASIA[A-Z2-7]{16}$`).MatchString(*out.Credentials.AccessKeyId) {
			t.Errorf("key id %s", *out.Credentials.AccessKeyId)
		}
		provider := credentials.NewStaticCredentialsProvider(*out.Credentials.AccessKeyId, *out.Credentials.SecretAccessKey, *out.Credentials.SessionToken)
		if _, err := newClient(sim, func(o *outposts.Options) { o.Credentials = provider }).
			GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: new("a/b+=")}); err != nil {
			t.Fatal(err)
		}
		who, err := newSTS(sim, provider).GetCallerIdentity(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		if *who.Arn != arn || *who.Account != "123456789012" {
			t.Errorf("caller %s of %s", *who.Arn, *who.Account)
		}
		calls := sim.Calls()
		if len(calls) != 3 {
			t.Fatalf("%d calls, want 3", len(calls))
		}
		if p := calls[1].Principal; p.ARN != arn || p.SourceIdentity != "installer-fra1" || p.RoleARN != outpoststest.DefaultRoleARN || p.Type != outpoststest.AssumedRole {
			t.Errorf("principal %+v", p)
		}
		if calls[0].Service != outpoststest.ServiceSTS || calls[0].Request["roleSessionName"] != "installer-fra1" || calls[0].Response["accessKeyId"] != *out.Credentials.AccessKeyId {
			t.Errorf("recorded %+v", calls[0])
		}
	}
}

func TestAssumeRoleRefusals(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Deny(outpoststest.Denial{RoleARN: "arn:aws:iam::123456789012:role/forbidden"})
	for _, test := range []struct {
		name string
		edit func(*sts.AssumeRoleInput)
		code string
	}{
		{"short session name", func(in *sts.AssumeRoleInput) { in.RoleSessionName = new("a") }, "ValidationError"},
		{"session name with a slash", func(in *sts.AssumeRoleInput) { in.RoleSessionName = new("a/b") }, "ValidationError"},
		{"source identity with a space", func(in *sts.AssumeRoleInput) { in.SourceIdentity = new("a b") }, "ValidationError"},
		{"source identity of AWS", func(in *sts.AssumeRoleInput) { in.SourceIdentity = new("aws:me") }, "ValidationError"},
		{"not a role", func(in *sts.AssumeRoleInput) { in.RoleArn = new("arn:aws:iam::123456789012:user/x") }, "ValidationError"},
		{"too short", func(in *sts.AssumeRoleInput) { in.DurationSeconds = new(int32(899)) }, "ValidationError"},
		{"denied", func(in *sts.AssumeRoleInput) { in.RoleArn = new("arn:aws:iam::123456789012:role/forbidden") }, "AccessDenied"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := assume(t, sim, test.edit)
			if code := codeOf(t, err); code != test.code {
				t.Errorf("got %q, want %q", code, test.code)
			}
		})
	}
	if len(sim.Sessions()) != 0 {
		t.Errorf("%d sessions were issued", len(sim.Sessions()))
	}
}

// Keys that a service refuses have another name at STS.
func TestSTSNamesRefusalsItsOwnWay(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	session := sim.IssueSession(outpoststest.DefaultRoleARN, "x1", "", time.Hour)
	identity := func(p aws.CredentialsProvider) string {
		_, err := newSTS(sim, p).GetCallerIdentity(t.Context(), nil)
		return codeOf(t, err)
	}
	if code := identity(credentials.NewStaticCredentialsProvider(outpoststest.DefaultAccessKeyID, "wrong", "")); code != "SignatureDoesNotMatch" {
		t.Errorf("wrong secret: %s", code)
	}
	if code := identity(sim.CredentialsOf("AKIAUNKNOWN")); code != "InvalidClientTokenId" {
		t.Errorf("unknown key: %s", code)
	}
	provider := sim.CredentialsOf(session.AccessKeyID)
	sim.Expire(session.AccessKeyID)
	if code := identity(provider); code != "ExpiredToken" {
		t.Errorf("expired: %s", code)
	}
}

func TestSTSFaultsHitSTSOnly(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	sim.Script(outpoststest.Fault{When: outpoststest.ForSTS, Status: http.StatusServiceUnavailable, Code: "ServiceUnavailable"})
	if status, _, _ := do(t, signed(t, sim, "outposts", "us-west-2", time.Now())); status != 200 {
		t.Errorf("Outposts answered %d", status)
	}
	if _, err := assume(t, sim, nil); codeOf(t, err) != "ServiceUnavailable" {
		t.Errorf("STS answered %v", err)
	}
	if _, err := assume(t, sim, nil); err != nil {
		t.Errorf("after the fault: %v", err)
	}
}
