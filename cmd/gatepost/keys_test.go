package main

import (
	"encoding/json"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

func TestParseAllow(t *testing.T) {
	tests := []struct {
		text  string
		want  keyring.Allow
		fault string // a part of the error
	}{
		{"GetConnection", keyring.Allow{Operations: []string{"GetConnection"}}, ""},
		{"GetConnection,StartConnection", keyring.Allow{Operations: []string{"GetConnection", "StartConnection"}}, ""},
		{" GetConnection , StartConnection ", keyring.Allow{Operations: []string{"GetConnection", "StartConnection"}}, ""},
		{"read-only in us-west-2, us-east-1", keyring.Allow{Operations: []string{"read-only"}, Regions: []string{"us-west-2", "us-east-1"}}, ""},
		{"GetConnection on a/+=*,b?", keyring.Allow{Operations: []string{"GetConnection"}, Connections: []string{"a/+=*", "b?"}}, ""},
		{"* in us-west-2 on *", keyring.Allow{Operations: []string{"*"}, Regions: []string{"us-west-2"}, Connections: []string{"*"}}, ""},
		{"GetConnection on in", keyring.Allow{Operations: []string{"GetConnection"}, Connections: []string{"in"}}, ""},
		{"", keyring.Allow{}, "no operations"},
		{"in us-west-2", keyring.Allow{}, "no operations"},
		{"GetConnection in", keyring.Allow{}, "the list of regions is empty"},
		{"GetConnection on", keyring.Allow{}, "the list of connections is empty"},
		{"GetConnection,", keyring.Allow{}, "the list of operations is empty"},
		{"GetConnection StartConnection", keyring.Allow{}, "separate operations by commas"},
		{"getconnection", keyring.Allow{}, "did you mean GetConnection?"},
		{"s3:GetObject", keyring.Allow{}, "is not an operation"},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseAllow(tt.text)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("error %v, want one with %q", err, tt.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			again, err := parseAllow(formatAllow(got))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(got, again); diff != "" {
				t.Errorf("%q reads back differently (-want +got):\n%s", formatAllow(got), diff)
			}
		})
	}
}

// FuzzParseAllow holds that what is accepted is written in the form that is
// read.
func FuzzParseAllow(f *testing.F) {
	f.Add("GetConnection,StartConnection in us-west-2 on a*,b")
	f.Add("* on in,on")
	f.Fuzz(func(t *testing.T, text string) {
		a, err := parseAllow(text)
		if err != nil {
			return
		}
		again, err := parseAllow(formatAllow(a))
		if err != nil {
			t.Fatalf("%q: %v", formatAllow(a), err)
		}
		if diff := cmp.Diff(a, again); diff != "" {
			t.Fatalf("(-want +got):\n%s", diff)
		}
	})
}

func TestParseMoment(t *testing.T) {
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		text string
		sign int
		want string // "" is refused
	}{
		{"2027-03-01T00:00:00Z", 1, "2027-03-01T00:00:00Z"},
		{"2027-03-01T01:00:00.5+01:00", 1, "2027-03-01T00:00:00.5Z"},
		{"2027-03-01", -1, "2027-03-01T00:00:00Z"},
		{"90d", 1, "2027-02-21T12:00:00Z"},
		{"15m", -1, "2026-11-23T11:45:00Z"},
		{"1w", -1, "2026-11-16T12:00:00Z"},
		{"-5m", -1, ""},
		{"60", 1, ""},
		{"", 1, ""},
		{"tomorrow", 1, ""},
	}
	for _, tt := range tests {
		t.Run(tt.text, func(t *testing.T) {
			got, err := parseMoment(tt.text, now, tt.sign)
			switch {
			case tt.want == "" && err == nil:
				t.Errorf("accepted as %v", got)
			case tt.want != "" && (err != nil || got.Format(time.RFC3339Nano) != tt.want):
				t.Errorf("got %v, %v", got, err)
			}
		})
	}
}

func TestKeysLifecycle(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, stderr, code := gatepost(t, nil, "keys", "new", "--principal", "installer-fra1", "--expires", "90d", "--output", "json")
	if code != exitDone {
		t.Fatalf("exit status %d: %s", code, stderr)
	}
	var made keyDescription
	if err := json.Unmarshal([]byte(stdout), &made); err != nil {
		t.Fatal(err)
	}
	if len(made.ID) != 20 || len(made.Secret) < 40 || made.Principal != "installer-fra1" || made.State != "active" {
		t.Errorf("made %+v", made)
	}
	if diff := cmp.Diff([]allowDescription{{Operations: []string{"GetConnection", "StartConnection"}}}, made.Allow); diff != "" {
		t.Errorf("allow (-want +got):\n%s", diff)
	}
	if left := time.Until(*made.Expires); left < 89*24*time.Hour || left > 90*24*time.Hour {
		t.Errorf("expires in %v", left)
	}
	if strings.Contains(stderr, made.Secret) {
		t.Error("the secret is on stderr")
	}
	info, err := os.Stat("keys.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}

	states := func() map[string]string {
		t.Helper()
		stdout, stderr, code := gatepost(t, nil, "keys", "list", "--output", "json")
		if code != exitDone {
			t.Fatalf("list: exit status %d: %s", code, stderr)
		}
		if strings.Contains(stdout+stderr, made.Secret) {
			t.Error("list shows a secret")
		}
		states := map[string]string{}
		decoder := json.NewDecoder(strings.NewReader(stdout))
		for decoder.More() {
			var k keyDescription
			if err := decoder.Decode(&k); err != nil {
				t.Fatal(err)
			}
			states[k.ID] = k.State
		}
		return states
	}
	steps := []struct {
		args   []string
		code   int
		stderr string
		state  string
	}{
		{[]string{"keys", "disable", made.ID}, exitDone, made.ID + " disabled\n", "disabled"},
		{[]string{"keys", "enable", made.ID}, exitDone, made.ID + " enabled\n", "active"},
		{[]string{"keys", "disable", "installer-fra1"}, exitNo, "is a principal, not the id of a key; its keys are " + made.ID, "active"},
		{[]string{"keys", "disable", "GPKAAAAAAAAAAAAAAAAA", made.ID}, exitNo, `no key "GPKAAAAAAAAAAAAAAAAA" in keys.yaml`, "disabled"},
		{[]string{"keys", "delete", made.ID}, exitDone, made.ID + " deleted\n", ""},
		{[]string{"keys", "delete", made.ID}, exitNo, "no key", ""},
	}
	for _, step := range steps {
		stdout, stderr, code := gatepost(t, nil, step.args...)
		if code != step.code || stdout != "" || !strings.Contains(stderr, step.stderr) {
			t.Errorf("%q: exit status %d, stdout %q, stderr %q", step.args, code, stdout, stderr)
		}
		if got := states()[made.ID]; got != step.state {
			t.Errorf("after %q the state is %q, want %q", step.args, got, step.state)
		}
	}
	if stdout, stderr, code := gatepost(t, nil, "keys", "list"); code != exitDone || stdout != "" || !strings.Contains(stderr, "holds no keys") {
		t.Errorf("empty list: exit status %d, stdout %q, stderr %q", code, stdout, stderr)
	}
}

func TestKeysCompletion(t *testing.T) {
	t.Chdir(t.TempDir())
	stdout, _, _ := gatepost(t, nil, "keys", "new", "--principal", "p", "--output", "json")
	var made keyDescription
	if err := json.Unmarshal([]byte(stdout), &made); err != nil {
		t.Fatal(err)
	}
	if stdout, _, _ := gatepost(t, nil, "__completeNoDesc", "keys", "delete", ""); !strings.HasPrefix(stdout, made.ID+"\n") {
		t.Errorf("offers %q", stdout)
	}
}

func TestAWSProfile(t *testing.T) {
	var out strings.Builder
	profile := awsProfile{Name: profileName("installer fra1 [a]"), Region: "eu-central-1", Endpoint: "https://gatepost.example:8443"}
	if err := profile.check(); err != nil {
		t.Fatal(err)
	}
	err := profile.write(&out, keyring.Info{ID: "GPK7Q2M4X6ZB3N5C8V1L", Principal: "installer fra1 [a]"}, "secret-secret-secret-secret-secret-secret")
	if err != nil {
		t.Fatal(err)
	}
	checkGolden(t, "aws-config.golden", out.String())
	if got := profileName("日本"); got != "gatepost" {
		t.Errorf("profile of a name without letters: %q", got)
	}
}
