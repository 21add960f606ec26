package outposts_test

import (
	"context"
	"errors"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// errNotSent ends a call of the SDK once its request has been seen.
var errNotSent = errors.New("not sent")

// roundTrip is an HTTP client that keeps the request and sends nothing.
type roundTrip struct{ request *http.Request }

func (r *roundTrip) Do(req *http.Request) (*http.Response, error) {
	r.request = req
	return nil, errNotSent
}

// The table agrees with AWS's SDK on every operation: how many there are, what
// they are called, and that their requests are recognised.
func TestAgreesWithSDK(t *testing.T) {
	for _, label := range []string{"abc", "a/b+=", "==/+"} {
		var sent roundTrip
		client := reflect.ValueOf(sdk.New(sdk.Options{
			Region: "us-west-2", HTTPClient: &sent, RetryMaxAttempts: 1,
			Credentials: credentials.NewStaticCredentialsProvider("AKIDEXAMPLE", "secret", ""),
		}))
		seen := 0
		for i := range client.NumMethod() {
			name := client.Type().Method(i).Name
			call := client.Method(i)
			if call.Type().NumIn() != 3 || call.Type().NumOut() != 2 {
				continue // Options, and what else is no operation
			}
			seen++
			input := reflect.New(call.Type().In(1).Elem())
			fill(input.Elem(), label)
			sent.request = nil
			result := call.Call([]reflect.Value{reflect.ValueOf(context.Background()), input})
			if err, _ := result[1].Interface().(error); !errors.Is(err, errNotSent) || sent.request == nil {
				t.Fatalf("%s: %v", name, err)
			}

			u := sent.request.URL
			path, query := u.EscapedPath(), u.RawQuery
			target, err := outposts.Parse(sent.request.Method, path, query)
			if err != nil {
				t.Errorf("%s %s?%s: %v", sent.request.Method, path, query, err)
				continue
			}
			if target.Name() != name {
				t.Errorf("%s is taken for %s", name, target.Name())
			}
			if target.Path != path || target.Query != query {
				t.Errorf("%s sends %s?%s, canonical here %s?%s", name, path, query, target.Path, target.Query)
			}
			if name == "GetConnection" && target.ConnectionID != label {
				t.Errorf("id %q, want %q", target.ConnectionID, label)
			}
			checkParameters(t, target.Operation, query)
		}
		if want := len(outposts.Operations()); seen != want {
			t.Errorf("%d operations in the SDK, %d here", seen, want)
		}
	}
}

// checkParameters holds a query with every parameter set, the repeated ones
// twice, against the table.
func checkParameters(t *testing.T, o *outposts.Operation, query string) {
	t.Helper()
	times := make(map[string]int)
	if query != "" {
		for pair := range strings.SplitSeq(query, "&") {
			name, _, _ := strings.Cut(pair, "=")
			times[name]++
		}
	}
	for p := range o.Query() {
		want := 1
		if p.Repeated {
			want = 2
		}
		if times[p.Name] != want {
			t.Errorf("%s: %d times %s, want %d", o.Name, times[p.Name], p.Name, want)
		}
		delete(times, p.Name)
	}
	for name := range times {
		t.Errorf("%s: the SDK has a parameter %s", o.Name, name)
	}
}

// fill sets every member of an input: strings to text, numbers to one, slices to
// two elements.
func fill(v reflect.Value, text string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), text)
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fill(v.Field(i), text)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range v.Len() {
			fill(v.Index(i), text)
		}
	case reflect.Map:
		v.Set(reflect.ValueOf(map[string]string{"k": text}))
	case reflect.String:
		v.SetString(text)
	case reflect.Int32:
		v.SetInt(1)
	case reflect.Bool:
		v.SetBool(true)
	}
}

var _ aws.HTTPClient = (*roundTrip)(nil)
