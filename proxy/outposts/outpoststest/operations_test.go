package outpoststest_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// start serves a simulator for one test.
func start(t *testing.T, c outpoststest.Config) *outpoststest.Server {
	t.Helper()
	sim, err := outpoststest.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// newClient is the SDK's client without its retries.
func newClient(sim *outpoststest.Server, edit ...func(*outposts.Options)) *outposts.Client {
	return outposts.New(outposts.Options{
		BaseEndpoint:     &sim.URL,
		Region:           sim.Region(),
		Credentials:      sim.Credentials(),
		RetryMaxAttempts: 1,
	}, edit...)
}

var publicKey = base64.StdEncoding.EncodeToString(make([]byte, 32))

// fill gives every member of an input a value that the API accepts.
func fill(v reflect.Value) {
	for i := range v.NumField() {
		name, field := v.Type().Field(i).Name, v.Field(i)
		if !field.CanSet() {
			continue
		}
		fillValue(name, field)
	}
}

func fillValue(name string, field reflect.Value) {
	switch {
	case name == "NextToken":
	case name == "ConnectionId":
		field.Set(reflect.ValueOf(new("aB+/c9==")))
	case name == "ClientPublicKey":
		field.Set(reflect.ValueOf(&publicKey))
	case name == "ResourceArn" || name == "OutpostId" || name == "SiteId":
		field.Set(reflect.ValueOf(new("arn:aws:outposts:us-west-2:123456789012:outpost/op-1")))
	case field.Kind() == reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		fillValue("", field.Elem())
	case field.Kind() == reflect.String:
		field.SetString("value1")
	case field.Kind() == reflect.Int32:
		field.SetInt(1)
	case field.Kind() == reflect.Slice:
		field.Set(reflect.MakeSlice(field.Type(), 1, 1))
		fillValue("", field.Index(0))
	case field.Kind() == reflect.Map:
		field.Set(reflect.ValueOf(map[string]string{"key": "value"}))
	case field.Kind() == reflect.Struct:
		fill(field)
	}
}

// The SDK's client makes every call of the API, with every member set.
func TestSDKCallsEveryOperation(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := reflect.ValueOf(newClient(sim))
	operations := 0
	for i := range client.NumMethod() {
		name := client.Type().Method(i).Name
		method := client.Method(i)
		if method.Type().NumIn() != 3 { // not a call: Options
			continue
		}
		operations++
		t.Run(name, func(t *testing.T) {
			sim.Forget()
			input := reflect.New(method.Type().In(1).Elem())
			fill(input.Elem())
			result := method.Call([]reflect.Value{reflect.ValueOf(context.Context(t.Context())), input})
			if err, failed := result[1].Interface().(error); failed {
				t.Fatal(err)
			}
			calls := sim.Calls()
			if len(calls) != 1 {
				t.Fatalf("%d calls recorded, want 1", len(calls))
			}
			call := calls[0]
			if call.Operation != name || call.Status != http.StatusOK || call.ErrorCode != "" || !call.Sent {
				t.Errorf("recorded %+v", call)
			}
			readOnly := strings.HasPrefix(name, "Get") || strings.HasPrefix(name, "List")
			if call.ReadOnly != readOnly {
				t.Errorf("read-only: %v", call.ReadOnly)
			}
			if call.Principal.ARN != "arn:aws:iam::123456789012:user/gatepost" || call.AccessKeyID != outpoststest.DefaultAccessKeyID {
				t.Errorf("principal %+v", call.Principal)
			}
		})
	}
	if operations != 37 {
		t.Errorf("%d operations, want 37", operations)
	}
}

func TestGetConnectionAnswersEveryKnownID(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	for _, id := range outpoststest.ConnectionIDs() {
		t.Run(id, func(t *testing.T) {
			sim.Forget()
			out, err := newClient(sim).GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: &id})
			if err != nil {
				t.Fatal(err)
			}
			want, _ := sim.Connection(id)
			details := out.ConnectionDetails
			got := outpoststest.Connection{
				ConnectionID:        aws.ToString(out.ConnectionId),
				ClientPublicKey:     aws.ToString(details.ClientPublicKey),
				ServerPublicKey:     aws.ToString(details.ServerPublicKey),
				ServerEndpoint:      aws.ToString(details.ServerEndpoint),
				ClientTunnelAddress: aws.ToString(details.ClientTunnelAddress),
				ServerTunnelAddress: aws.ToString(details.ServerTunnelAddress),
				AllowedIPs:          details.AllowedIps,
			}
			if !reflect.DeepEqual(got, want) || got.ServerPublicKey == "" {
				t.Errorf("got %+v, want %+v", got, want)
			}
			if call := sim.Calls()[0]; call.ConnectionID != id || strings.Contains(strings.TrimPrefix(call.Target, "/connections/"), "/") {
				t.Errorf("recorded id %q, target %q", call.ConnectionID, call.Target)
			}
		})
	}
}

func TestStartConnectionMakesAConnection(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	client := newClient(sim)
	started, err := client.StartConnection(t.Context(), &outposts.StartConnectionInput{
		AssetId: new("asset1"), ClientPublicKey: &publicKey, NetworkInterfaceDeviceIndex: 1,
	})
	if err != nil {
		t.Fatal(err)
	}
	got, err := client.GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: started.ConnectionId})
	if err != nil {
		t.Fatal(err)
	}
	if *got.ConnectionDetails.ClientPublicKey != publicKey {
		t.Errorf("client key %q, want the one that was sent", *got.ConnectionDetails.ClientPublicKey)
	}
	if id := *started.ConnectionId; !strings.Contains(id, "/") || !strings.Contains(id, "+") || !strings.Contains(id, "=") {
		t.Errorf("id %q needs no escaping", id)
	}
}

func TestListsPageAndEchoTheirQuery(t *testing.T) {
	sim := start(t, outpoststest.Config{})
	paginator := outposts.NewListOutpostsPaginator(newClient(sim), &outposts.ListOutpostsInput{
		MaxResults: new(int32(2)), AvailabilityZoneFilter: []string{"us-west-2 b", "us-west-2a"},
	})
	var names []string
	for paginator.HasMorePages() {
		page, err := paginator.NextPage(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range page.Outposts {
			names = append(names, *o.Name)
		}
	}
	if got := strings.Join(names, ","); got != "outpost 1,outpost 2,outpost 3" {
		t.Errorf("listed %s", got)
	}
	calls := sim.Calls()
	if len(calls) != 2 || !strings.Contains(calls[1].Target, "NextToken=2%23%23Outposts") {
		t.Errorf("calls %+v", calls)
	}
	query := calls[0].Request["query"].(map[string][]string)
	if zones := query["AvailabilityZoneFilter"]; !reflect.DeepEqual(zones, []string{"us-west-2 b", "us-west-2a"}) {
		t.Errorf("zones %q", zones)
	}
}
