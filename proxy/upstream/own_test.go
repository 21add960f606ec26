package upstream

import (
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

func TestOwnCredentials(t *testing.T) {
	for _, test := range []struct {
		name string
		role AssumeRole
		want string // the end of the ARN
	}{
		{"no role", AssumeRole{}, ""},
		{"one role", AssumeRole{RoleARN: outpoststest.DefaultRoleARN}, "assumed-role/installer/"},
		{"a session for each principal", AssumeRole{RoleARN: outpoststest.DefaultRoleARN, PerPrincipal: true}, "assumed-role/installer/gatepost"},
	} {
		t.Run(test.name, func(t *testing.T) {
			withRole(t, test.role, outpoststest.Config{}, nil, func(t *testing.T, client *Client, sim *outpoststest.Simulator) {
				own, err := client.Own(t.Context())
				if err != nil || !strings.Contains(own.ARN, test.want) {
					t.Errorf("own identity %+v, %v", own, err)
				}
				creds, err := client.Credentials().Retrieve(t.Context())
				if err != nil || creds.AccessKeyID != own.AccessKeyID || !creds.HasKeys() {
					t.Errorf("credentials of %q, %v; the identity's are %q", creds.AccessKeyID, err, own.AccessKeyID)
				}
				if test.role.RoleARN == "" {
					return
				}
				time.Sleep(2 * time.Hour) // simulated: longer than a session lives
				fresh, err := client.Credentials().Retrieve(t.Context())
				if err != nil || fresh.AccessKeyID == creds.AccessKeyID || !fresh.Expires.After(time.Now()) {
					t.Errorf("after two hours: %q until %v, %v", fresh.AccessKeyID, fresh.Expires, err)
				}
			})
		})
	}
}
