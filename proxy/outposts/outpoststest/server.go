package outpoststest

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// Server is a [Simulator] that listens on loopback.
type Server struct {
	*Simulator

	// URL is where the Outposts API answers, and STSURL where STS does: the same
	// address unless the configuration wanted two.
	URL    string
	STSURL string

	servers []*http.Server
}

// headerTimeout frees what a client that says nothing holds.
const headerTimeout = 10 * time.Second

// Start makes a simulator and serves it on free ports of 127.0.0.1.
func Start(c Config) (*Server, error) {
	s := &Server{Simulator: New(c)}
	if !c.SeparateSTS {
		url, err := s.listen(s.Simulator)
		s.URL, s.STSURL = url, url
		return s, err
	}
	var err error
	if s.URL, err = s.listen(s.Only(ServiceOutposts)); err != nil {
		return nil, err
	}
	if s.STSURL, err = s.listen(s.Only(ServiceSTS)); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) listen(handler http.Handler) (url string, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for simulated AWS: %w", err)
	}
	server := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: headerTimeout,
		// What is broken here is broken on purpose.
		ErrorLog: log.New(io.Discard, "", 0),
	}
	s.servers = append(s.servers, server)
	go server.Serve(&faultyListener{listener, s.Simulator})
	return "http://" + listener.Addr().String(), nil
}

// Close stops listening and cuts every connection.
func (s *Server) Close() {
	for _, server := range s.servers {
		server.Close()
	}
}

// faultyListener does the damage that comes before a request is read.
type faultyListener struct {
	net.Listener
	sim *Simulator
}

func (l *faultyListener) Accept() (net.Conn, error) {
	for {
		conn, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		fault := l.sim.take((*Fault).onAccept)
		if fault.Damage == "" {
			return conn, nil
		}
		l.sim.arrived.Add(1)
		if fault.Damage == ResetOnAccept {
			reset(conn)
		}
		conn.Close()
	}
}
