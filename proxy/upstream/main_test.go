package upstream_test

import (
	"context"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
	"go.uber.org/goleak"
)

// Nothing of this machine's AWS configuration gets into the tests, and nothing of
// the tests leaves the machine.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"AWS_EC2_METADATA_DISABLED":   "true",
		"AWS_CONFIG_FILE":             os.DevNull,
		"AWS_SHARED_CREDENTIALS_FILE": os.DevNull,
	} {
		os.Setenv(name, value)
	}
	for _, name := range []string{
		"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_CA_BUNDLE",
		"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_OUTPOSTS",
		"AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_WEB_IDENTITY_TOKEN_FILE",
	} {
		os.Unsetenv(name)
	}
	goleak.VerifyTestMain(m)
}

// start serves a simulated AWS for one test.
func start(t *testing.T, c outpoststest.Config) *outpoststest.Server {
	t.Helper()
	sim, err := outpoststest.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Close)
	return sim
}

// open makes a client of sim, as edit wants it. It has no address of STS, so that
// the calls that sim sees are those of the test.
func open(t *testing.T, sim *outpoststest.Server, edit func(*upstream.Config)) *upstream.Client {
	t.Helper()
	return openConfig(t, upstream.Config{
		Regions:     []string{sim.Region()},
		Endpoint:    sim.URL,
		Credentials: sim.Credentials(),
		Version:     "1.2.3",
	}, edit)
}

func openConfig(t *testing.T, c upstream.Config, edit func(*upstream.Config)) *upstream.Client {
	t.Helper()
	c.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	if edit != nil {
		edit(&c)
	}
	client, err := upstream.New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

const eventID = "01933e4f-9c3a-7b1e-8a4d-2f6b5c7d8e9f"

func getConnection() upstream.Call {
	return upstream.Call{
		Operation: "GetConnection", ReadOnly: true, Method: "GET", Path: "/connections/aB%2B%2Fc9%3D%3D",
		Region: "us-west-2", UserAgent: "aws-cli/2.9.19 Python/3.11.2", EventID: eventID, Principal: "installer-fra1",
	}
}

func startConnection() upstream.Call {
	return upstream.Call{
		Operation: "StartConnection", Method: "POST", Path: "/connections", Region: "us-west-2",
		Body:    []byte(`{"AssetId":"asset1","ClientPublicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","NetworkInterfaceDeviceIndex":0}`),
		EventID: eventID, Principal: "installer-fra1",
	}
}

// recorder is an Observer that remembers.
type recorder struct {
	mu       sync.Mutex
	inFlight int
	most     int
	attempts []string // class of each
	expiries []time.Time
}

func (r *recorder) InFlight(delta int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.inFlight += delta
	r.most = max(r.most, r.inFlight)
}

func (r *recorder) Attempt(operation, region, class string, took time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.attempts = append(r.attempts, class)
}

func (r *recorder) CredentialsExpiry(at time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.expiries = append(r.expiries, at)
}

func (r *recorder) seen() (inFlight, most int, attempts []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inFlight, r.most, append([]string(nil), r.attempts...)
}

// eventually waits for something that happens in the background.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: not within 5 s", what)
		}
	}
}
