package ledger

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

const (
	signingKeyName  = "key"
	verifierKeyName = "key.pub"
)

// signingKey signs the log's checkpoints.
type signingKey struct {
	note.Signer
	verifier    note.Verifier
	verifierKey string // the note package's text form
}

// loadKey reads a signing key in the note package's text form. A key that others
// than its owner can read is refused: whoever has it can write another history.
func loadKey(root Root, name, origin string) (*signingKey, error) {
	info, err := root.Stat(name)
	if err != nil {
		return nil, err
	}
	if perm := info.Mode().Perm(); perm&0o077 != 0 {
		return nil, fmt.Errorf("signing key %s has mode %04o: chmod it to 0600, and make a new key if others may have read it", name, perm)
	}
	data, err := root.ReadFile(name)
	if err != nil {
		return nil, err
	}
	k, err := parseKey(strings.TrimSuffix(string(data), "\n"))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", name, err)
	}
	if k.Name() != origin {
		return nil, fmt.Errorf("signing key %s is that of log %q, but this log's origin is %q: set audit.origin back, or give the new log its own directory", name, k.Name(), origin)
	}
	return k, nil
}

func parseKey(text string) (*signingKey, error) {
	signer, err := note.NewSigner(text)
	if err != nil {
		return nil, errors.New("malformed signing key")
	}
	// NewSigner has checked the form: PRIVATE+KEY+name+hash+base64(type, seed).
	encoded := strings.SplitN(text, "+", 5)[4]
	seed, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil || len(seed) != 1+ed25519.SeedSize {
		return nil, errors.New("malformed signing key")
	}
	public := ed25519.NewKeyFromSeed(seed[1:]).Public().(ed25519.PublicKey)
	verifierKey, err := note.NewEd25519VerifierKey(signer.Name(), public)
	if err != nil {
		return nil, err
	}
	verifier, err := note.NewVerifier(verifierKey)
	if err != nil {
		return nil, err
	}
	return &signingKey{signer, verifier, verifierKey}, nil
}

// makeKey makes a signing key and keeps it, durably, before anything is signed.
func makeKey(root Root, name, origin string) (*signingKey, error) {
	text, _, err := note.GenerateKey(rand.Reader, origin)
	if err != nil {
		return nil, err
	}
	// A left-over of another mode would lend its mode to the key.
	if err := root.RemoveAll(name + ".tmp"); err != nil {
		return nil, err
	}
	if err := replaceFileDurably(root, name, []byte(text+"\n"), privateFile); err != nil {
		return nil, err
	}
	return parseKey(text)
}

// publishKey keeps the verifier key beside the log for whoever may not read the
// signing key.
func publishKey(root Root, k *signingKey) error {
	want := k.verifierKey + "\n"
	if have, err := root.ReadFile(verifierKeyName); err == nil && string(have) == want {
		return nil
	}
	return replaceFileDurably(root, verifierKeyName, []byte(want), publicFile)
}

// ReadVerifierKey returns the verifier key that stands beside the log in the
// audit directory, in the note package's text form. Whoever can rewrite the log
// can replace it as well: to detect that, keep the key elsewhere.
func ReadVerifierKey(dir string) (string, error) {
	root, err := osFS{}.OpenRoot(filepath.Join(dir, directoryName))
	if err != nil {
		return "", fmt.Errorf("read verifier key: %w", err)
	}
	defer root.Close()
	return readVerifierKey(root)
}

func readVerifierKey(root Root) (string, error) {
	data, err := root.ReadFile(verifierKeyName)
	if err != nil {
		return "", fmt.Errorf("read verifier key: %w", err)
	}
	key := strings.TrimSuffix(string(data), "\n")
	if _, err := note.NewVerifier(key); err != nil {
		return "", fmt.Errorf("verifier key %s: %w", verifierKeyName, err)
	}
	return key, nil
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }
