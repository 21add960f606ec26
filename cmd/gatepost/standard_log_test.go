package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// lockedBuffer is a buffer for several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(b)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// What an upstream says though nobody asked is told of, and not told.
func TestUnsolicitedAnswer(t *testing.T) {
	before, flags := log.Writer(), log.Flags()
	t.Cleanup(func() {
		log.SetOutput(before)
		log.SetFlags(flags)
	})
	var said lockedBuffer
	standardLog(slog.New(slog.NewTextHandler(&said, nil)))

	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	taken := make(chan struct{})
	go func() {
		c, err := listener.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		if _, err := http.ReadRequest(bufio.NewReader(c)); err != nil {
			return
		}
		const answer = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nprivatekey"
		fmt.Fprint(c, answer)
		<-taken
		fmt.Fprint(c, answer)
		io.Copy(io.Discard, c)
	}()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	client := &http.Client{Transport: transport}
	resp, err := client.Get("http://" + listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	close(taken)
	waitFor(t, "a word of it", func() bool { return strings.Contains(said.String(), "Unsolicited response") })
	if strings.Contains(said.String(), "privatekey") || strings.Contains(said.String(), "200 OK") {
		t.Errorf("said %s", said.String())
	}
}
