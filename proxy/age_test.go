package proxy_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/journal"
	"github.com/gatepost-proxy/gatepost/cache"
	"github.com/gatepost-proxy/gatepost/proxy"
	"github.com/gatepost-proxy/gatepost/proxy/http1"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// SDKs set their clocks by the Date of every answer. One of the cache, six minutes old, must not push the next signature out of its
// window: the SDK calls again at once, and that call is verified and reaches AWS. Time is the bubble's, sockets are pipes.
func TestHitSixMinutesOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		listener := newPipeListener()
		aws1 := &fixedAnswer{}
		log, err := journal.Open(t.Context(), journal.Config{Dir: t.TempDir(), Origin: "test"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() {
			if err := log.Close(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		defer serveHandler(t, listener, aws1, log)()
		endpoint := "http://gatepost.test"
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return listener.dial(ctx) }}
		defer transport.CloseIdleConnections()
		client := outposts.New(outposts.Options{
			Region: "us-west-2", BaseEndpoint: &endpoint, HTTPClient: &http.Client{Transport: transport},
			Credentials: credentials.NewStaticCredentialsProvider(testKey, testSecret, ""),
		})
		get := func(id string) http.Header {
			t.Helper()
			out, err := client.GetConnection(t.Context(), &outposts.GetConnectionInput{ConnectionId: aws.String(id)})
			if err != nil {
				t.Fatal(err)
			}
			return awsmiddleware.GetRawResponse(out.ResultMetadata).(*smithyhttp.Response).Header
		}
		get("abc")
		time.Sleep(6 * time.Minute)
		hit := get("abc")
		if hit.Get("Age") != "360" || aws1.calls != 1 {
			t.Fatalf("Age %q after %d calls to AWS, want a hit of 360 s", hit.Get("Age"), aws1.calls)
		}
		if d, err := http.ParseTime(hit.Get("Date")); err != nil || time.Since(d) > time.Second {
			t.Errorf("Date is %q at %s", hit.Get("Date"), time.Now().UTC())
		}
		if next := get("def"); next.Get("Age") != "" || aws1.calls != 2 {
			t.Errorf("the next call: %v", next)
		}
		time.Sleep(10 * time.Minute)
		if late := get("abc"); late.Get("Age") != "" || aws1.calls != 3 {
			t.Errorf("past its time to live: %v", late)
		}
	})
}

const (
	testKey    = "GPK7Q2M4X6ZB3N5C7V2L"
	testSecret = "a-secret-that-only-tests-have-0123456789abcd"
)

// newHandler makes a Handler with one caller, and returns what ends it.
func newHandler(tb testing.TB, up proxy.Upstream, log proxy.Journal) (h *proxy.Handler, stop func()) {
	tb.Helper()
	keys := filepath.Join(tb.TempDir(), "keys.yaml")
	text := fmt.Sprintf("keys:\n  - {id: %s, secret: %s, principal: p, allow: [{operations: ['*']}]}\n", testKey, testSecret)
	if err := os.WriteFile(keys, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	ring, err := keyring.Open(keys, keyring.Options{Regions: []string{"us-west-2"}})
	if err != nil {
		tb.Fatal(err)
	}
	answers, err := cache.New(cache.Config{MaxBytes: 1 << 20, TTL: 15 * time.Minute, Scope: cache.ScopePrincipal})
	if err != nil {
		tb.Fatal(err)
	}
	return proxy.New(proxy.Config{
		Verifier: &sigv4.Verifier{Service: "outposts", Regions: []string{"us-west-2"}, Hosts: []string{"gatepost.test"}},
		Keys:     ring, Upstream: up, Cache: answers, Journal: log, Observer: nobody{},
	}), answers.Close
}

// serveHandler runs a Handler on the listener, and returns what ends it.
func serveHandler(t *testing.T, listener net.Listener, up proxy.Upstream, log proxy.Journal) (stop func()) {
	t.Helper()
	handler, end := newHandler(t, up, log)
	server := &http1.Server{Handler: handler, HeaderTimeout: time.Minute, RequestTimeout: time.Minute, IdleTimeout: time.Hour, MaxConns: 10}
	served := make(chan error)
	go func() { served <- server.Serve(listener) }()
	return func() {
		if err := server.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		if err := <-served; !errors.Is(err, http1.ErrServerClosed) {
			t.Error(err)
		}
		end()
	}
}

// fixedAnswer stands for AWS: it knows every connection, and its clock is right.
type fixedAnswer struct{ calls int }

func (*fixedAnswer) Endpoint(string) string { return "https://aws.test" }

func (*fixedAnswer) Identity(context.Context, string) (upstream.Identity, error) {
	return upstream.Identity{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Partition: "aws"}, nil
}

func (f *fixedAnswer) Do(_ context.Context, c upstream.Call) (upstream.Answer, error) {
	f.calls++
	const key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
	return upstream.Answer{
		Status: 200, ContentType: "application/json", RequestID: fmt.Sprint("request-", f.calls), Class: audit.ErrorClassNone,
		Identity: upstream.Identity{AccessKeyID: "AKIAIOSFODNN7EXAMPLE", Partition: "aws"},
		Body: fmt.Appendf(nil, `{"ConnectionId":%q,"ConnectionDetails":{"ClientPublicKey":%q,"ServerPublicKey":%q,"ServerEndpoint":"192.0.2.1:1",`+
			`"ClientTunnelAddress":"10.0.0.1/30","ServerTunnelAddress":"10.0.0.2/30","AllowedIps":["10.0.0.0/8"]}}`, c.Path[len("/connections/"):], key, key),
	}, nil
}

type nobody struct{}

func (nobody) Request(string, string, audit.CacheResult, audit.Decision, audit.ErrorClass, time.Duration, string) {
}
func (nobody) Rejected(string) {}

// pipeListener hands out the other ends of in-memory connections, which synctest can see waiting.
type pipeListener struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipeListener() *pipeListener {
	return &pipeListener{conns: make(chan net.Conn), done: make(chan struct{})}
}

func (l *pipeListener) dial(ctx context.Context) (net.Conn, error) {
	ours, theirs := net.Pipe()
	select {
	case l.conns <- theirs:
		return ours, nil
	case <-l.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (l *pipeListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.conns:
		return c, nil
	case <-l.done:
		return nil, net.ErrClosed
	}
}

func (l *pipeListener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *pipeListener) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }
