package cloudtrailtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// client is an SDK client that does not retry, without a network.
func client(sim *cloudtrailtest.Simulator, options ...func(*sdk.Options)) *sdk.Client {
	return sdk.New(sdk.Options{
		BaseEndpoint: new("http://cloudtrail.us-west-2.amazonaws.com"), Region: sim.Region(), Credentials: sim.Credentials(),
		HTTPClient: &http.Client{Transport: sim.Transport()}, Retryer: aws.NopRetryer{},
	}, options...)
}

// recent is a simulator whose n calls were the last n seconds'.
func recent(n int, c cloudtrailtest.Config) *cloudtrailtest.Simulator {
	sim := cloudtrailtest.New(c)
	now := time.Now()
	for i := range n {
		e := call(i)
		e.Completed = now.Add(time.Duration(i-n) * time.Second)
		sim.Add(e)
	}
	return sim
}

func code(err error) string {
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		return api.ErrorCode()
	}
	return ""
}

func outpostsOnly() []types.LookupAttribute {
	return []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: new("outposts.amazonaws.com")}}
}

// The SDK's own paginator gets every event once, newest first.
func TestLookupEventsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := recent(120, cloudtrailtest.Config{Faults: cloudtrailtest.Faults{OtherServices: 1}})
		time.Sleep(2 * time.Minute)
		var pages []int
		var names []string
		last := time.Now()
		p := sdk.NewLookupEventsPaginator(client(sim), &sdk.LookupEventsInput{
			EndTime: aws.Time(time.Now()), StartTime: aws.Time(time.Now().Add(-time.Hour)), LookupAttributes: outpostsOnly(),
		})
		for p.HasMorePages() {
			page, err := p.NextPage(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			pages = append(pages, len(page.Events))
			for _, e := range page.Events {
				if e.EventTime.After(last) {
					t.Errorf("%v after %v", e.EventTime, last)
				}
				last = *e.EventTime
				record := decode(t, []byte(*e.CloudTrailEvent))
				if record["eventID"] != *e.EventId || record["eventSource"] != *e.EventSource || *e.ReadOnly != "true" || *e.Username != "outposts" {
					t.Errorf("event %+v of %v", e, record)
				}
				names = append(names, record["requestID"].(string))
			}
		}
		if diff := cmp.Diff([]int{50, 50, 20}, pages); diff != "" {
			t.Error(diff)
		}
		if names[0] != call(119).RequestID || names[119] != call(0).RequestID {
			t.Errorf("from %s to %s", names[0], names[119])
		}
		requests := sim.Requests()
		if len(requests) != 3 || requests[2].NextToken == "" || requests[0].Value != "outposts.amazonaws.com" || requests[2].Events != 20 {
			t.Errorf("%+v", requests)
		}
	})
}

// With an EndTime the pages stay as they were when the first was read. Without
// one, what has come since moves them.
func TestPageDrift(t *testing.T) {
	for _, test := range []struct {
		name  string
		fixed bool
		again int
	}{{"fixed end", true, 0}, {"open end", false, 10}} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := recent(60, cloudtrailtest.Config{})
				in := &sdk.LookupEventsInput{StartTime: aws.Time(time.Now().Add(-time.Hour))}
				if test.fixed {
					in.EndTime = aws.Time(time.Now().Add(time.Minute))
				}
				first, err := client(sim).LookupEvents(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Second)
				for i := range 10 {
					e := call(1000 + i)
					e.Completed = time.Time{} // now
					sim.Add(e)
				}
				in.NextToken = first.NextToken
				second, err := client(sim).LookupEvents(t.Context(), in)
				if err != nil {
					t.Fatal(err)
				}
				seen := map[string]bool{}
				again := 0
				for _, e := range append(first.Events, second.Events...) {
					if seen[*e.EventId] {
						again++
					}
					seen[*e.EventId] = true
				}
				if again != test.again || len(seen) != 60 {
					t.Errorf("%d events, %d of them again", len(seen), again)
				}
			})
		})
	}
}

func TestLookupEventsRefusals(t *testing.T) {
	hour := func(n int) *time.Time { return aws.Time(time.Now().Add(time.Duration(n) * time.Hour)) }
	for _, test := range []struct {
		name   string
		in     func(token *string) *sdk.LookupEventsInput
		option func(*sdk.Options)
		wait   time.Duration
		want   string
	}{
		{name: "start after end", in: func(*string) *sdk.LookupEventsInput {
			return &sdk.LookupEventsInput{StartTime: hour(0), EndTime: hour(-1)}
		}, want: "InvalidTimeRangeException"},
		{name: "older than 90 days", in: func(*string) *sdk.LookupEventsInput {
			return &sdk.LookupEventsInput{StartTime: hour(-90*24 - 1), EndTime: hour(0)}
		}, want: "InvalidTimeRangeException"},
		{name: "too many results", in: func(*string) *sdk.LookupEventsInput { return &sdk.LookupEventsInput{MaxResults: new(int32(51))} }, want: "InvalidMaxResultsException"},
		{name: "two attributes", in: func(*string) *sdk.LookupEventsInput {
			return &sdk.LookupEventsInput{LookupAttributes: append(outpostsOnly(), outpostsOnly()...)}
		}, want: "InvalidLookupAttributesException"},
		{name: "no token", in: func(*string) *sdk.LookupEventsInput { return &sdk.LookupEventsInput{NextToken: new("tok1")} }, want: "InvalidNextTokenException"},
		{name: "token of other parameters", in: func(token *string) *sdk.LookupEventsInput {
			return &sdk.LookupEventsInput{StartTime: hour(-2), NextToken: token}
		}, want: "InvalidNextTokenException"},
		{name: "expired token", in: func(token *string) *sdk.LookupEventsInput { return &sdk.LookupEventsInput{NextToken: token} }, wait: time.Hour + time.Second, want: "InvalidNextTokenException"},
		{name: "token in time", in: func(token *string) *sdk.LookupEventsInput { return &sdk.LookupEventsInput{NextToken: token} }, wait: time.Hour},
		{name: "unknown key", option: func(o *sdk.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: "AKIAUNKNOWN", SecretAccessKey: "x"}, nil
			})
		}, want: "UnrecognizedClientException"},
		{name: "wrong secret", option: func(o *sdk.Options) {
			o.Credentials = aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
				return aws.Credentials{AccessKeyID: cloudtrailtest.DefaultAccessKeyID, SecretAccessKey: "x"}, nil
			})
		}, want: "InvalidSignatureException"},
		{name: "wrong region", option: func(o *sdk.Options) { o.Region = "eu-west-1" }, want: "InvalidSignatureException"},
	} {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				sim := recent(60, cloudtrailtest.Config{})
				first, err := client(sim).LookupEvents(t.Context(), &sdk.LookupEventsInput{})
				if err != nil {
					t.Fatal(err)
				}
				time.Sleep(test.wait)
				in := &sdk.LookupEventsInput{}
				if test.in != nil {
					in = test.in(first.NextToken)
				}
				var options []func(*sdk.Options)
				if test.option != nil {
					options = append(options, test.option)
				}
				if _, err := client(sim, options...).LookupEvents(t.Context(), in); code(err) != test.want || (err == nil) != (test.want == "") {
					t.Errorf("%v, want %q", err, test.want)
				}
				if got := sim.Counts()[test.want]; got == 0 {
					t.Errorf("counts %v", sim.Counts())
				}
			})
		})
	}
}

func TestRateLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := recent(1, cloudtrailtest.Config{RateLimit: 2})
		c := client(sim)
		for range 10 {
			for range 4 {
				c.LookupEvents(t.Context(), &sdk.LookupEventsInput{})
			}
			time.Sleep(time.Second)
		}
		if diff := cmp.Diff(map[string]int{"": 20, "ThrottlingException": 20}, sim.Counts()); diff != "" {
			t.Error(diff)
		}
		for _, q := range sim.Requests() {
			if q.Code != "" && q.Status != http.StatusBadRequest {
				t.Errorf("%+v", q)
			}
		}
	})
}

func TestScript(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		sim := recent(60, cloudtrailtest.Config{})
		c := client(sim)
		ask := func(token *string) (*sdk.LookupEventsOutput, error) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return c.LookupEvents(ctx, &sdk.LookupEventsInput{NextToken: token})
		}
		sim.Script(cloudtrailtest.ExpiredToken(), cloudtrailtest.Throttled(), cloudtrailtest.Denied(), cloudtrailtest.ServerError())
		for _, want := range []string{"ThrottlingException", "AccessDeniedException", "InternalFailure"} {
			if _, err := ask(nil); code(err) != want {
				t.Errorf("%v, want %s", err, want)
			}
		}
		first, err := ask(nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := ask(first.NextToken); code(err) != "InvalidNextTokenException" {
			t.Error(err)
		}
		sim.Script(cloudtrailtest.Fault{EmptyPage: true}, cloudtrailtest.Fault{RepeatToken: true}, cloudtrailtest.Fault{Hang: true}, cloudtrailtest.Fault{Cut: true}, cloudtrailtest.Fault{Body: []byte("<html>")})
		empty, err := ask(nil)
		if err != nil || len(empty.Events) != 0 || empty.NextToken == nil {
			t.Errorf("%+v, %v", empty, err)
		}
		if again, err := ask(empty.NextToken); err != nil || len(again.Events) != 50 || *again.NextToken != *empty.NextToken {
			t.Errorf("%+v, %v", again, err)
		}
		began := time.Now()
		if _, err := ask(nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(began) != time.Minute {
			t.Error(err, time.Since(began))
		}
		for range 2 {
			if _, err := ask(nil); err == nil || code(err) != "" {
				t.Error(err)
			}
		}
		sim.Script(cloudtrailtest.Fault{Status: 503, Times: -1})
		for range 3 {
			if _, err := ask(nil); err == nil {
				t.Error("no error")
			}
		}
		sim.Heal()
		if _, err := ask(nil); err != nil {
			t.Error(err)
		}
	})
}

// Over a socket, with the SDK as it comes.
func TestServer(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	e := call(0)
	e.Completed = time.Now().Add(-time.Second)
	sim.Add(e)
	sim.Script(cloudtrailtest.Throttled(), cloudtrailtest.Fault{Cut: true})
	transport := &http.Transport{DisableKeepAlives: true}
	c := sdk.New(sdk.Options{BaseEndpoint: &sim.URL, Region: sim.Region(), Credentials: sim.Credentials(), HTTPClient: &http.Client{Transport: transport}})
	out, err := c.LookupEvents(t.Context(), &sdk.LookupEventsInput{LookupAttributes: outpostsOnly()})
	if err != nil || len(out.Events) != 1 {
		t.Fatalf("%+v, %v", out, err)
	}
	if len(sim.Requests()) != 3 {
		t.Errorf("%+v", sim.Requests())
	}
	keys, err := c.ListPublicKeys(t.Context(), &sdk.ListPublicKeysInput{StartTime: aws.Time(time.Now().Add(-time.Hour))})
	if err != nil || len(keys.PublicKeyList) != 1 || len(*keys.PublicKeyList[0].Fingerprint) != 32 {
		t.Errorf("%+v, %v", keys, err)
	}
}

// Both generations of AWS's command, where they are installed.
func TestCommandLine(t *testing.T) {
	sim, err := cloudtrailtest.Start(cloudtrailtest.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer sim.Close()
	e := call(0)
	e.Completed = time.Now().Add(-time.Second)
	sim.Add(e)
	found := false
	for _, name := range []string{"/usr/bin/aws", "aws"} {
		path, err := exec.LookPath(name)
		if err != nil {
			continue
		}
		found = true
		cmd := exec.CommandContext(t.Context(), path, "cloudtrail", "lookup-events", "--endpoint-url", sim.URL, "--region", sim.Region(), "--output", "json",
			"--lookup-attributes", "AttributeKey=EventSource,AttributeValue=outposts.amazonaws.com")
		cmd.Env = append(os.Environ(), "AWS_ACCESS_KEY_ID="+cloudtrailtest.DefaultAccessKeyID, "AWS_SECRET_ACCESS_KEY="+cloudtrailtest.DefaultSecret,
			"AWS_CONFIG_FILE="+os.DevNull, "AWS_SHARED_CREDENTIALS_FILE="+os.DevNull)
		var stderr bytes.Buffer
		cmd.Stderr = &stderr
		output, err := cmd.Output()
		var got struct{ Events []struct{ EventName string } }
		if err != nil || json.Unmarshal(output, &got) != nil || len(got.Events) != 1 || got.Events[0].EventName != "GetConnection" {
			t.Errorf("%s: %v\n%s%s", path, err, output, &stderr)
		}
	}
	switch {
	case found:
	case os.Getenv("GATEPOST_TEST_REQUIRE") == "all":
		t.Fatal("no aws command")
	default:
		t.Skip("no aws command")
	}
}
