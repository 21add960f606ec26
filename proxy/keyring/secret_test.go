package keyring_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/keyring"
)

// However a secret, or something that holds one, is printed: it does not show.
func TestSecretsDoNotShow(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keys.yaml")
	_, secret, err := keyring.File{Path: path}.New(t.Context(), keyring.Grant{Principal: "p", Allow: []keyring.Allow{{Operations: []string{"*"}}}})
	if err != nil {
		t.Fatal(err)
	}
	text := secret.Reveal()
	if len(text) != 40 {
		t.Fatalf("secret has %d characters", len(text))
	}
	ring := openRing(t, keysFile(t, entry(idA, "p", allowAll)))
	holder := struct {
		Public keyring.Secret
		inside keyring.Secret
	}{secret, secret}
	values := map[string]any{
		"secret": secret, "pointer": &secret, "holder": holder, "slice": []keyring.Secret{secret},
		"principal": authenticate(t, ring, idA), "ring": ring,
	}
	for name, v := range values {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
			checkHides(t, name+" as "+verb, fmt.Sprintf(verb, v), text)
		}
		var log bytes.Buffer
		slog.New(slog.NewTextHandler(&log, nil)).Info("x", "v", v)
		slog.New(slog.NewJSONHandler(&log, nil)).Info("x", "v", v)
		checkHides(t, name+" logged", log.String(), text)
		if encoded, err := json.Marshal(v); err == nil {
			checkHides(t, name+" as JSON", string(encoded), text)
		}
	}
	if got := fmt.Sprint(secret); got != "REDACTED" {
		t.Errorf("printed as %q", got)
	}
	if got := (keyring.Secret{}).Reveal(); got != "" {
		t.Errorf("zero secret reveals %q", got)
	}
}

func checkHides(t *testing.T, what, printed, secret string) {
	t.Helper()
	for _, s := range []string{secret, fmt.Sprintf("%x", secret), secretOf(idA), fmt.Sprintf("%x", secretOf(idA))} {
		if strings.Contains(printed, s) {
			t.Errorf("%s shows the secret: %s", what, printed)
		}
	}
}
