package upstream_test

import (
	"crypto/x509"
	"io"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// net/http reads the proxy's address once in a process, so the client of these
// tests is a process of its own: this binary, told so by this variable.
const proxied = "GATEPOST_TEST_PROXIED"

func TestHTTPSProxy(t *testing.T) {
	if os.Getenv(proxied) != "" {
		throughProxy(t)
		return
	}
	ca := newAuthority(t)
	aws := listenTLS(t, certificate(ca.issue(t, func(c *x509.Certificate) { c.DNSNames = []string{"outposts.us-west-2.amazonaws.com"} })), nil)
	for _, test := range []struct {
		name  string
		proxy func(*rawConn)
	}{
		{"answer", func(c *rawConn) {
			c.request()
			c.send("HTTP/1.1 200 OK\r\n\r\n")
			tunnel(t, c, aws.addr)
		}},
		{"refusal", func(c *rawConn) { c.request(); c.send("HTTP/1.1 502 Bad Gateway\r\n\r\n") }},
	} {
		t.Run(test.name, func(t *testing.T) {
			proxy := listen(t, test.proxy)
			child := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestHTTPSProxy$")
			child.Env = append(os.Environ(), proxied+"="+test.name, "HTTPS_PROXY=http://"+proxy.addr, "NO_PROXY=", "GATEPOST_TEST_CA="+ca.bundle(t))
			if out, err := child.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			for _, request := range proxy.requests() {
				if line, _, _ := strings.Cut(request.head, "\r\n"); line != "CONNECT outposts.us-west-2.amazonaws.com:443 HTTP/1.1" || strings.Contains(request.head, "Authorization") {
					t.Errorf("the proxy was asked %q", request.head)
				}
			}
			if len(proxy.requests()) == 0 {
				t.Error("the proxy was not asked")
			}
		})
	}
	if n := len(aws.requests()); n != 1 {
		t.Errorf("%d requests arrived, want 1", n)
	}
}

// throughProxy is what the child does.
func throughProxy(t *testing.T) {
	t.Setenv("AWS_CA_BUNDLE", os.Getenv("GATEPOST_TEST_CA"))
	client := openConfig(t, upstream.Config{Regions: []string{"us-west-2"}, Credentials: staticCredentials(), STSEndpoint: "http://127.0.0.1:1"}, nil)
	answer, err := client.Do(t.Context(), getConnection())
	if os.Getenv(proxied) == "refusal" {
		wantError(t, err, audit.ErrorClassUpstreamConnect, "proxy")
		return
	}
	if err != nil || answer.Status != 200 {
		t.Errorf("%d, %v", answer.Status, err)
	}
}

func tunnel(t *testing.T, c *rawConn, addr string) {
	peer, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return
	}
	var group sync.WaitGroup
	group.Go(func() { io.Copy(peer, c.reader); peer.Close() })
	group.Go(func() { io.Copy(c, peer); c.Close() })
	group.Wait()
}
