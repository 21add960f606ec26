package keyring

import "log/slog"

const redacted = "REDACTED"

// Secret is the secret part of an access key. However it is printed, logged or
// encoded, it reads REDACTED; only [Secret.Reveal] gives it away. The zero
// Secret is empty.
type Secret struct {
	// A pointer, because fmt prints unexported fields of a struct around it
	// without asking for String.
	text *string
}

// Reveal is the secret itself, for a signature or to be shown to its owner once.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

func (s Secret) String() string               { return redacted }
func (s Secret) GoString() string             { return redacted }
func (s Secret) LogValue() slog.Value         { return slog.StringValue(redacted) }
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

func newSecret(text string) Secret { return Secret{text: &text} }
