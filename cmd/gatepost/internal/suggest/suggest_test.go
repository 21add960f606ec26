package suggest_test

import (
	"testing"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
)

func TestNearest(t *testing.T) {
	keys := []string{"listen", "public_names", "tls", "max_connections", "ttl"}
	tests := []struct {
		name, typed, want string
	}{
		{"a letter missing", "listn", "listen"},
		{"neighbours swapped", "lisetn", "listen"},
		{"a wrong separator", "max-connections", "max_connections"},
		{"first of equals", "tl", "tls"},
		{"exact", "ttl", "ttl"},
		{"an abbreviation", "public", "public_names"},
		{"too short for one", "pu", ""},
		{"something else", "certificate", ""},
		{"empty", "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := suggest.Nearest(tt.typed, keys); got != tt.want {
				t.Errorf("Nearest(%q) = %q, want %q", tt.typed, got, tt.want)
			}
		})
	}
	if got := suggest.Nearest("x", nil); got != "" {
		t.Errorf("Nearest without candidates = %q", got)
	}
}
