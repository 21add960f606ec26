package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

func TestDoctor(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "keys.yaml"), []byte(callerKeys), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name  string
		sick  func(*outpoststest.Server, *cloudtrailtest.Server)
		flags []string
		env   []string
		fails string // a regular expression for the one line that fails; "" is none
	}{
		{name: "well"},
		{name: "a clock that is off", sick: func(aws *outpoststest.Server, _ *cloudtrailtest.Server) {
			aws.Script(outpoststest.Fault{Times: -1, ClockOffset: 3 * time.Minute})
		}, fails: `clock +AWS's clock is 3m0s from this one`},
		{name: "no permission to look up", sick: func(_ *outpoststest.Server, trail *cloudtrailtest.Server) {
			denied := cloudtrailtest.Denied()
			denied.Times = -1
			trail.Script(denied)
		}, fails: `CloudTrail us-west-2 .*cloudtrail:LookupEvents`},
		{name: "no permission to call", sick: func(aws *outpoststest.Server, _ *cloudtrailtest.Server) {
			aws.Script(outpoststest.Fault{Times: -1, Status: 403, Code: "AccessDeniedException", Message: "no", When: outpoststest.ForConnection("gatepost+doctor")})
		}, fails: `endpoint us-west-2 .*AccessDeniedException.*outposts:GetConnection`},
		{name: "an id that something on the way rewrites", sick: func(aws *outpoststest.Server, _ *cloudtrailtest.Server) {
			aws.Script(outpoststest.Fault{Times: -1, Status: 403, Code: "InvalidSignatureException", Message: "no match", When: outpoststest.ForConnection("====")})
		}, fails: `awkward ids .*"===="`},
		{name: "a disk that is full", flags: []string{"--audit.reserve", "1TiB"}, fails: `disk .*are free`},
		{name: "a disk that is slow", flags: []string{"--audit.commit-timeout", "10ms", "--audit.dir", "/proc/self/none"}, fails: `fsync .*`},
		{name: "no correlation", flags: []string{"--correlate.source", "off"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			aws, err := outpoststest.Start(outpoststest.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer aws.Close()
			trail, err := cloudtrailtest.Start(cloudtrailtest.Config{})
			if err != nil {
				t.Fatal(err)
			}
			defer trail.Close()
			if test.sick != nil {
				test.sick(aws, trail)
			}
			args := []string{
				"doctor", "--callers.keys-file", filepath.Join(dir, "keys.yaml"), "--upstream.endpoint", aws.URL, "--correlate.endpoint", trail.URL,
				"--audit.dir", filepath.Join(dir, "audit"), "--audit.reserve", "1MiB", "--audit.segment-bytes", "1MiB", "--audit.commit-timeout", "30s",
			}
			cmd := exec.Command("gatepost", append(args, test.flags...)...)
			cmd.Env = append(os.Environ(),
				"AWS_ACCESS_KEY_ID="+outpoststest.DefaultAccessKeyID, "AWS_SECRET_ACCESS_KEY="+outpoststest.DefaultSecret, "AWS_ENDPOINT_URL_STS="+aws.STSURL,
				"AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null", "AWS_EC2_METADATA_DISABLED=true")
			out, err := cmd.Output()
			code := 0
			if exit, ok := errors.AsType[*exec.ExitError](err); ok {
				code = exit.ExitCode()
				out = fmt.Appendf(out, "%s", exit.Stderr)
			}
			failed := regexp.MustCompile(`(?m)^FAIL .*$`).FindAllString(string(out), -1)
			if test.fails == "" {
				if code != 0 || len(failed) > 0 || strings.Count(string(out), "\nok ")+strings.Count(string(out), "\nskip ") != 7 {
					t.Errorf("exit status %d\n%s", code, out)
				}
				return
			}
			if code != 1 || len(failed) == 0 || !regexp.MustCompile(test.fails).MatchString(strings.Join(failed, "\n")) {
				t.Errorf("exit status %d, want 1 and %s\n%s", code, test.fails, out)
			}
		})
	}
}
