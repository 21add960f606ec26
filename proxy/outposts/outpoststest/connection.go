package outpoststest

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"slices"
)

// Connection is one connection of an Outpost server, with the members of the
// API's answer.
type Connection struct {
	ConnectionID        string
	ClientPublicKey     string
	ServerPublicKey     string
	ServerEndpoint      string
	ClientTunnelAddress string
	ServerTunnelAddress string
	AllowedIPs          []string
}

// ConnectionIDs are the ids that a simulator knows when its configuration names
// none: plain, with each character that paths escape, and the shapes that look
// like something else.
func ConnectionIDs() []string {
	return []string{
		"conn0123456789abcdef",
		"aB+/c9==",
		"a/b+=",
		"////",
		"====",
		"=1+1",
		"+",
	}
}

// MakeConnection fills in realistic details, the same ones for the same id.
func MakeConnection(id string) Connection {
	sum := sha256.Sum256([]byte("connection " + id))
	client := sha256.Sum256([]byte("client " + id))
	server := sha256.Sum256([]byte("server " + id))
	return Connection{
		ConnectionID:        id,
		ClientPublicKey:     base64.StdEncoding.EncodeToString(client[:]),
		ServerPublicKey:     base64.StdEncoding.EncodeToString(server[:]),
		ServerEndpoint:      fmt.Sprintf("192.0.2.%d:51820", sum[0]),
		ClientTunnelAddress: fmt.Sprintf("169.254.%d.%d/30", sum[1], sum[2]&^3+2),
		ServerTunnelAddress: fmt.Sprintf("169.254.%d.%d/30", sum[1], sum[2]&^3+1),
		AllowedIPs:          []string{"198.51.100.0/24", fmt.Sprintf("203.0.113.%d/32", sum[3])},
	}
}

func (c Connection) details() object {
	return object{
		"ClientPublicKey":     c.ClientPublicKey,
		"ServerPublicKey":     c.ServerPublicKey,
		"ServerEndpoint":      c.ServerEndpoint,
		"ClientTunnelAddress": c.ClientTunnelAddress,
		"ServerTunnelAddress": c.ServerTunnelAddress,
		"AllowedIps":          c.AllowedIPs,
	}
}

func (c Connection) clone() Connection {
	c.AllowedIPs = slices.Clone(c.AllowedIPs)
	return c
}

// PutConnection makes a connection known, or changes it.
func (s *Simulator) PutConnection(c Connection) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.connections[c.ConnectionID] = c.clone()
}

// Connection is what the simulator would answer for an id.
func (s *Simulator) Connection(id string) (Connection, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	c, ok := s.connections[id]
	return c.clone(), ok
}

// stableID is 16 characters of base 32 that depend on the text alone.
func stableID(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base32.StdEncoding.EncodeToString(sum[:10])
}
