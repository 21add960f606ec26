package upstream

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"testing"

	"github.com/gatepost-proxy/gatepost/audit"
)

// dns is a server in memory that answers every name with one address, or, when
// that is invalid, says that there is no such name.
func dns(t *testing.T, addr netip.Addr) *net.Resolver {
	return &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		client, server := net.Pipe()
		go func() {
			defer server.Close()
			// A pipe is no packet connection, so the messages come as over TCP: after
			// their length.
			buffer := make([]byte, 512)
			n, err := server.Read(buffer)
			if err != nil || n < 14 {
				return
			}
			question := buffer[14:n]
			end := 0
			for question[end] != 0 {
				end += int(question[end]) + 1
			}
			question = question[:end+5]
			forIPv4 := question[end+2] == 1
			answer := append([]byte{}, buffer[2:4]...)
			flags, answers := []byte{0x81, 0x80}, byte(0)
			if !addr.IsValid() {
				flags[1] |= 3
			} else if addr.Is4() == forIPv4 {
				answers = 1
			}
			answer = append(answer, flags...)
			answer = append(answer, 0, 1, 0, answers, 0, 0, 0, 0)
			answer = append(answer, question...)
			if answers == 1 {
				raw := addr.AsSlice()
				answer = append(answer, 0xc0, 12, 0, question[end+2], 0, 1, 0, 0, 0, 0, 0, byte(len(raw)))
				answer = append(answer, raw...)
			}
			server.Write(append([]byte{0, byte(len(answer))}, answer...))
		}()
		return client, nil
	}}
}

// A DNS that fails, and one that leads AWS's name to this machine or to the
// metadata service.
func TestDNS(t *testing.T) {
	for _, test := range []struct {
		name   string
		addr   netip.Addr
		reason string
	}{
		{"no such name", netip.Addr{}, "dns"},
		{"loopback", netip.MustParseAddr("127.0.0.1"), "local address"},
		{"loopback of IPv6", netip.MustParseAddr("::1"), "local address"},
		{"mapped loopback", netip.MustParseAddr("::ffff:127.0.0.1"), "local address"},
		{"metadata service", netip.MustParseAddr("169.254.169.254"), "local address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			client := inMemory(t, func(c *Config) { c.Endpoint = "" }, nil)
			transport := newTransport(&client.config, &net.Dialer{Resolver: dns(t, test.addr)}, nil, guardedAddresses(client.endpoints))
			transport.Proxy = nil
			client.transport = transport
			defer transport.CloseIdleConnections()
			_, err := client.Do(t.Context(), get)
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Class != audit.ErrorClassUpstreamConnect || e.Reason != test.reason || e.Sent {
				t.Errorf("%v; want %s", err, test.reason)
			}
		})
	}
}

func TestAddressesThatAWSCannotHave(t *testing.T) {
	for address, refused := range map[string]bool{
		"127.0.0.1:443": true, "127.8.8.8:443": true, "[::1]:443": true, "0.0.0.0:443": true, "[::]:443": true,
		"169.254.169.254:80": true, "[fe80::1]:443": true, "224.0.0.1:443": true, "[::ffff:127.0.0.1]:443": true,
		"10.0.0.1:443": false, "192.168.1.1:443": false, "52.94.0.1:443": false, "[2600::1]:443": false,
	} {
		if err := refuseLocal("tcp", address, nil); (err != nil) != refused {
			t.Errorf("%s: %v", address, err)
		}
	}
}

// The guard is for AWS's own hosts: a simulator may be on this machine.
func TestGuardedAddresses(t *testing.T) {
	c := &Config{Regions: []string{"us-west-2", "cn-north-1"}, Logger: slog.New(slog.DiscardHandler)}
	endpoints, err := resolveEndpoints(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	guarded := guardedAddresses(endpoints)
	if len(guarded) != 2 || !guarded["outposts.us-west-2.amazonaws.com:443"] || !guarded["outposts.cn-north-1.amazonaws.com.cn:443"] {
		t.Errorf("guarded %v", guarded)
	}
	c.Endpoint = "http://127.0.0.1:1"
	if endpoints, err = resolveEndpoints(t.Context(), c); err != nil || len(guardedAddresses(endpoints)) != 0 {
		t.Errorf("guarded %v, %v", guardedAddresses(endpoints), err)
	}
}
