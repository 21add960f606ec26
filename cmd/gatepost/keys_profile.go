package main

import (
	"fmt"
	"io"
	"net/url"
	"regexp"
	"strings"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// awsProfile is a profile for ~/.aws/config that sends Outposts calls, and no
// others, to gatepost.
type awsProfile struct {
	Name, Region, Endpoint string
}

var (
	profileForm       = regexp.MustCompile(`^[A-Za-z0-9._@-]+$`)
	notProfile        = regexp.MustCompile(`[^A-Za-z0-9._@-]+`)
	profileRegionForm = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)+$`)
)

// profileName makes a profile's name of a principal's.
func profileName(principal string) string {
	if name := strings.Trim(notProfile.ReplaceAllString(principal, "-"), "-"); name != "" {
		return name
	}
	return "gatepost"
}

// check refuses what would not survive in an INI file.
func (a awsProfile) check() error {
	if !profileForm.MatchString(a.Name) {
		return misuse("--profile %q: use letters, digits and . _ @ - alone", a.Name)
	}
	if !profileRegionForm.MatchString(a.Region) {
		return misuse("--region %q does not have the form of a region, such as us-west-2", a.Region)
	}
	u, err := url.Parse(a.Endpoint)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || strings.ContainsAny(a.Endpoint, " \t#") {
		return misuse("--endpoint-url: write gatepost's address with its scheme, such as https://gatepost.example:8443")
	}
	return nil
}

func (a awsProfile) write(w io.Writer, key keyring.Info, secret string) error {
	services := "gatepost-" + a.Name
	_, err := fmt.Fprintf(w, `# %[1]s, for ~/.aws/config. AWS_ENDPOINT_URL must not be set: it would win over this.
# AWS CLIs before 2.13 silently ignore the address here and call AWS directly:
# with those, add --endpoint-url %[2]s to every call.
[profile %[3]s]
region = %[4]s
services = %[5]s
aws_access_key_id = %[6]s
aws_secret_access_key = %[7]s

[services %[5]s]
outposts =
  endpoint_url = %[2]s
`, clean(key.Principal), a.Endpoint, a.Name, a.Region, services, key.ID, secret)
	return err
}
