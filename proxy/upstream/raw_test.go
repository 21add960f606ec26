package upstream_test

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

const okAnswer = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"

// rawServer is a peer that speaks whatever its script says.
type rawServer struct {
	addr string

	mu       sync.Mutex
	received []rawRequest
	conns    int
}

type rawRequest struct {
	conn int    // number of the connection, from 0
	head string // as it came, the empty line included
	body []byte
}

type rawConn struct {
	net.Conn
	number int
	server *rawServer
	reader *bufio.Reader
}

// listen runs script for each connection, which is closed when it returns.
func listen(t *testing.T, script func(*rawConn)) *rawServer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return serve(t, listener, script)
}

func serve(t *testing.T, listener net.Listener, script func(*rawConn)) *rawServer {
	s := &rawServer{addr: listener.Addr().String()}
	var scripts sync.WaitGroup
	var open sync.Map
	scripts.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			s.mu.Lock()
			c := &rawConn{conn, s.conns, s, bufio.NewReader(conn)}
			s.conns++
			s.mu.Unlock()
			open.Store(conn, true)
			scripts.Go(func() {
				defer conn.Close()
				script(c)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		open.Range(func(conn, _ any) bool { conn.(net.Conn).Close(); return true })
		scripts.Wait()
	})
	return s
}

func (s *rawServer) requests() []rawRequest {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]rawRequest(nil), s.received...)
}

func (s *rawServer) connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.conns
}

func staticCredentials() aws.CredentialsProvider {
	return credentials.NewStaticCredentialsProvider("AKIAIOSFODNN7EXAMPLE", "secret", "")
}

func (s *rawServer) client(t *testing.T, edit func(*upstream.Config)) *upstream.Client {
	t.Helper()
	return openConfig(t, upstream.Config{
		Regions: []string{"us-west-2"}, Endpoint: "http://" + s.addr, Version: "1.2.3", Credentials: staticCredentials(),
	}, edit)
}

// request reads one request; false means that there is none.
func (c *rawConn) request() bool {
	var head strings.Builder
	length := 0
	for {
		line, err := c.reader.ReadString('\n')
		if err != nil {
			return false
		}
		head.WriteString(line)
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok && http.CanonicalHeaderKey(name) == "Content-Length" {
			for _, digit := range value {
				length = length*10 + int(digit-'0')
			}
		}
		if line == "\r\n" {
			break
		}
	}
	body := make([]byte, length)
	if _, err := io.ReadFull(c.reader, body); err != nil {
		return false
	}
	if length == 0 {
		body = nil
	}
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.received = append(c.server.received, rawRequest{c.number, head.String(), body})
	return true
}

func (c *rawConn) send(s string) { io.WriteString(c, s) }

// reset makes the close that follows send RST.
func (c *rawConn) reset() { c.Conn.(*net.TCPConn).SetLinger(0) }

// hold keeps the connection open until the client closes it.
func (c *rawConn) hold() { io.Copy(io.Discard, c.reader) }
