package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/aws/smithy-go"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// A client is one of AWS's own, driven through its front door.
type client struct {
	name string
	// call makes one call and returns the output document, or the error code that the client raised.
	call func(t *testing.T, g *gate, id, secret, operation string, input map[string]any) (output map[string]any, code string)
	// attempts is how often the client makes a call that is throttled.
	attempts int
}

func clients(t *testing.T) []client {
	return []client{
		{"AWS SDK for Go", callWithGo, 3},
		{"AWS CLI", callWithCLI, 3},
		{"AWS SDK for JavaScript", callWithJavaScript, 3},
	}
}

// Every operation that installers and operators use comes through each client as it would from AWS: outputs whole, errors typed.
func TestRealClients(t *testing.T) {
	for _, c := range clients(t) {
		t.Run(c.name, func(t *testing.T) {
			g := startGate(t, gateOptions{keys: manyKeys})
			as := func(id, secret, operation string, input map[string]any) (map[string]any, string) {
				return c.call(t, g, id, secret, operation, input)
			}
			get := func(id string) (map[string]any, string) {
				return as(callerKey, callerSecret, "GetConnection", map[string]any{"ConnectionId": id})
			}
			for _, id := range []string{plainConnection, awkwardConnection, "////"} {
				g.AWS.Forget()
				miss, code := get(id)
				if code != "" {
					t.Fatalf("%s: %s", id, code)
				}
				hit, code := get(id)
				if calls := g.AWS.CallsOf("GetConnection"); code != "" || fmt.Sprint(hit) != fmt.Sprint(miss) || len(calls) != 1 {
					t.Errorf("%s: %d calls to AWS, code %q\n%v\n%v", id, len(calls), code, miss, hit)
				}
				want, _ := g.AWS.Connection(id)
				if d, _ := miss["ConnectionDetails"].(map[string]any); miss["ConnectionId"] != id || d["ServerPublicKey"] != want.ServerPublicKey {
					t.Errorf("%s: %v", id, miss)
				}
			}

			for name, tt := range map[string]struct {
				id, secret, operation string
				input                 map[string]any
				code                  string
			}{
				"denied":         {"GPKNARROW00000000001", narrowSecret, "GetConnection", map[string]any{"ConnectionId": plainConnection}, "AccessDeniedException"},
				"disabled key":   {"GPKDISABLED000000001", disabledSecret, "GetConnection", map[string]any{"ConnectionId": plainConnection}, "AccessDeniedException"},
				"wrong secret":   {callerKey, narrowSecret, "GetConnection", map[string]any{"ConnectionId": plainConnection}, "InvalidSignatureException"},
				"unknown":        {callerKey, callerSecret, "GetConnection", map[string]any{"ConnectionId": "nobodyknowsit"}, "NotFoundException"},
				"malformed":      {callerKey, callerSecret, "GetConnection", map[string]any{"ConnectionId": "a b%2F~.é"}, "ValidationException"},
				"unknown parent": {callerKey, callerSecret, "GetOutpost", map[string]any{"OutpostId": "missing"}, "NotFoundException"},
			} {
				if _, code := as(tt.id, tt.secret, tt.operation, tt.input); code != tt.code {
					t.Errorf("%s: raised %q, want %q", name, code, tt.code)
				}
			}

			g.AWS.Forget()
			g.AWS.Script(outpoststest.Fault{Status: 400, Code: "ThrottlingException", Message: "Rate exceeded", Times: -1})
			if _, code := get("a/b+="); code != "ThrottlingException" || len(g.AWS.CallsOf("GetConnection")) != c.attempts {
				t.Errorf("throttled: raised %q after %d calls, want %d", code, len(g.AWS.CallsOf("GetConnection")), c.attempts)
			}
			g.AWS.Heal()
			g.AWS.Script(outpoststest.Throttled())
			if out, code := get("a/b+="); code != "" || out["ConnectionId"] != "a/b+=" {
				t.Errorf("throttled once: raised %q, got %v", code, out)
			}

			out, code := as(callerKey, callerSecret, "StartConnection", map[string]any{
				"AssetId": "asset1", "ClientPublicKey": strings.Repeat("A", 43) + "=", "NetworkInterfaceDeviceIndex": 1, "DeviceSerialNumber": "serial1",
			})
			started, _ := out["ConnectionId"].(string)
			if code != "" || started == "" {
				t.Fatalf("StartConnection: raised %q, got %v", code, out)
			}
			if out, code := get(started); code != "" || out["ConnectionId"] != started {
				t.Errorf("%s: raised %q, got %v", started, code, out)
			}

			g.AWS.Forget()
			out, code = as(callerKey, callerSecret, "ListOutposts", map[string]any{
				"MaxResults": 2, "NextToken": "1##page&2", "LifeCycleStatusFilter": []string{"ACTIVE", "a b+c"}, "AvailabilityZoneFilter": []string{"us-west-2a"},
			})
			calls := g.AWS.CallsOf("ListOutposts")
			if list, _ := out["Outposts"].([]any); code != "" || len(list) != 2 || len(calls) != 1 {
				t.Errorf("ListOutposts: raised %q, got %v", code, out)
			} else if q := fmt.Sprint(calls[0].Request["query"]); q != "map[AvailabilityZoneFilter:[us-west-2a] LifeCycleStatusFilter:[ACTIVE a b+c] MaxResults:[2] NextToken:[1##page&2]]" {
				t.Errorf("AWS understood the query %s", q)
			}
			const arn = "arn:aws:outposts:us-west-2:123456789012:outpost/op-0123456789abcdef0"
			out, code = as(callerKey, callerSecret, "ListTagsForResource", map[string]any{"ResourceArn": arn})
			if tags, _ := out["Tags"].(map[string]any); code != "" || tags["Name"] != arn {
				t.Errorf("an ARN in a path: raised %q, got %v", code, out)
			}
			if _, code := as("GPKREADER00000000001", readerSecret, "StartConnection", map[string]any{
				"AssetId": "asset1", "ClientPublicKey": strings.Repeat("A", 43) + "=", "NetworkInterfaceDeviceIndex": 1, "DeviceSerialNumber": "serial1",
			}); code != "AccessDeniedException" {
				t.Errorf("a write with a key that reads: raised %q", code)
			}
		})
	}
}

// callWithGo is generic over operations by way of JSON, whose names are the SDK's fields.
func callWithGo(t *testing.T, g *gate, id, secret, operation string, input map[string]any) (map[string]any, string) {
	endpoint := g.URL()
	c := outposts.New(outposts.Options{Region: outpoststest.DefaultRegion, BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider(id, secret, "")})
	switch operation {
	case "GetConnection":
		return viaJSON(t, input, c.GetConnection)
	case "StartConnection":
		return viaJSON(t, input, c.StartConnection)
	case "GetOutpost":
		return viaJSON(t, input, c.GetOutpost)
	case "ListOutposts":
		return viaJSON(t, input, c.ListOutposts)
	case "ListTagsForResource":
		return viaJSON(t, input, c.ListTagsForResource)
	}
	t.Fatalf("no such operation here: %s", operation)
	return nil, ""
}

func viaJSON[In, Out any](t *testing.T, input map[string]any, call func(context.Context, *In, ...func(*outposts.Options)) (*Out, error)) (map[string]any, string) {
	t.Helper()
	in := new(In)
	convert(t, input, in)
	out, err := call(t.Context(), in)
	if err != nil {
		if api, ok := errors.AsType[smithy.APIError](err); ok {
			// The typed exceptions of the operation are types of their own; a generic one is what is not modelled.
			if _, generic := errors.AsType[*smithy.GenericAPIError](err); generic && strings.Contains("AccessDeniedException NotFoundException ValidationException", api.ErrorCode()) {
				t.Errorf("%s is not typed: %v", api.ErrorCode(), err)
			}
			return nil, api.ErrorCode()
		}
		t.Fatal(err)
	}
	var document map[string]any
	convert(t, out, &document)
	return document, ""
}

func convert(t *testing.T, from, to any) {
	t.Helper()
	b, err := json.Marshal(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, to); err != nil {
		t.Fatal(err)
	}
}

// callWithCLI runs Debian's AWS CLI by its full path: another version may stand before it on the PATH.
func callWithCLI(t *testing.T, g *gate, id, secret, operation string, input map[string]any) (map[string]any, string) {
	t.Helper()
	cli := tool(t, "/usr/bin/aws")
	document, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	var command strings.Builder
	for i, r := range operation {
		if i > 0 && r >= 'A' && r <= 'Z' {
			command.WriteByte('-')
		}
		command.WriteRune(r)
	}
	args := []string{"--region", outpoststest.DefaultRegion, "--endpoint-url", g.URL(), "--output", "json", "outposts", strings.ToLower(command.String()), "--cli-input-json", string(document)}
	if operation == "ListOutposts" {
		args = append(args, "--no-paginate")
	}
	cmd := exec.CommandContext(t.Context(), cli, args...)
	cmd.Env = append(cleanEnv(t), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret)
	out, err := cmd.Output()
	if err != nil {
		ee, ok := errors.AsType[*exec.ExitError](err)
		if !ok {
			t.Fatal(err)
		}
		// An error occurred (NotFoundException) when calling the GetConnection operation …
		_, rest, _ := strings.Cut(string(ee.Stderr), "An error occurred (")
		code, _, ok := strings.Cut(rest, ")")
		if !ok || ee.ExitCode() != 254 {
			t.Fatalf("exit %d: %s", ee.ExitCode(), ee.Stderr)
		}
		return nil, code
	}
	var output map[string]any
	if err := json.Unmarshal(out, &output); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	return output, ""
}

const javaScript = `
import {createRequire} from 'node:module';
const sdk = createRequire(process.env.GATEPOST_TEST_NODE_MODULES + '/any.js')('@aws-sdk/client-outposts');
const [endpoint, region, operation, input] = process.argv.slice(2);
const client = new sdk.OutpostsClient({endpoint, region});
try {
	const {$metadata, ...output} = await client.send(new sdk[operation + 'Command'](JSON.parse(input)));
	console.log(JSON.stringify({output}));
} catch (e) {
	const modelled = ['AccessDeniedException', 'NotFoundException', 'ValidationException'].includes(e.name);
	console.log(JSON.stringify({code: e.name, typed: !modelled || e instanceof sdk[e.name], text: String(e)}));
}
`

func callWithJavaScript(t *testing.T, g *gate, id, secret, operation string, input map[string]any) (map[string]any, string) {
	t.Helper()
	node := tool(t, "node")
	modules := os.Getenv("GATEPOST_TEST_NODE_MODULES")
	if modules == "" {
		tool(t, "@aws-sdk/client-outposts, by GATEPOST_TEST_NODE_MODULES,")
	}
	script := filepath.Join(g.Dir, "client.mjs")
	if err := os.WriteFile(script, []byte(javaScript), 0o600); err != nil {
		t.Fatal(err)
	}
	document, err := json.Marshal(input)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), node, script, g.URL(), outpoststest.DefaultRegion, operation, string(document))
	cmd.Env = append(cleanEnv(t), "AWS_ACCESS_KEY_ID="+id, "AWS_SECRET_ACCESS_KEY="+secret, "GATEPOST_TEST_NODE_MODULES="+modules)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var result struct {
		Output     map[string]any
		Code, Text string
		Typed      bool
	}
	if err := json.Unmarshal(out, &result); err != nil {
		t.Fatalf("%v in %s", err, out)
	}
	if result.Code != "" && !result.Typed {
		t.Errorf("%s is not typed: %s", result.Code, result.Text)
	}
	return result.Output, result.Code
}

// cleanEnv is an environment in which no client finds settings of the machine's.
func cleanEnv(t *testing.T) []string {
	return []string{
		"PATH=/usr/local/bin:/usr/bin:/bin", "HOME=" + t.TempDir(), "AWS_CONFIG_FILE=/dev/null", "AWS_SHARED_CREDENTIALS_FILE=/dev/null",
		"AWS_EC2_METADATA_DISABLED=true", "LANG=C.UTF-8",
	}
}
