package trail

import (
	"bytes"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// keySlack is how far from a key's validity a digest may end that it signed: a
// digest of the hour of a rotation is signed by either key.
const keySlack = 2 * time.Hour

// maxKeysBytes of a file of public keys: ten thousand of them.
const maxKeysBytes = 16 << 20

// publicKey is one of those with which CloudTrail signs the digests of a region.
type publicKey struct {
	rsa        *rsa.PublicKey
	start, end time.Time // zero is unlimited
}

// keyring finds public keys by their fingerprint.
type keyring map[string]publicKey

var (
	errNoKey        = errors.New("no public key")
	errBadSignature = errors.New("the signature is bad")
)

// loadKeys reads the configured keys, every time, for there are new ones from time
// to time.
func (s *Source) loadKeys(ctx context.Context) (err error) {
	if s.config.Keys != "" {
		s.keys, err = readKeys(ctx, s.config.Keys)
	}
	return err
}

// readKeys reads the files *.json of a directory.
func readKeys(ctx context.Context, dir string) (keyring, error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, fmt.Errorf("read public keys: %w", err)
	}
	keys := keyring{}
	for _, path := range paths {
		data, _, err := readSmall(ctx, path, maxKeysBytes)
		if err != nil {
			return nil, fmt.Errorf("read public keys %s: %w", path, err)
		}
		if err := keys.add(data); err != nil {
			return nil, fmt.Errorf("read public keys %s: %w", path, err)
		}
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("no public keys in %s/*.json: save there what aws cloudtrail list-public-keys prints", dir)
	}
	return keys, nil
}

// fingerprints are in a fixed order.
func (k keyring) fingerprints() []string { return slices.Sorted(maps.Keys(k)) }

// add reads what "aws cloudtrail list-public-keys" prints. Its times are numbers,
// or text of one of two forms, depending on the command's version.
func (k keyring) add(data []byte) error {
	var list struct {
		PublicKeyList []struct {
			Value             []byte
			Fingerprint       string
			ValidityStartTime instant
			ValidityEndTime   instant
		}
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	for _, entry := range list.PublicKeyList {
		key, err := x509.ParsePKCS1PublicKey(entry.Value)
		if err != nil {
			return fmt.Errorf("key %q: %w", clip(entry.Fingerprint), err)
		}
		k[strings.ToLower(entry.Fingerprint)] = publicKey{key, time.Time(entry.ValidityStartTime), time.Time(entry.ValidityEndTime)}
	}
	return nil
}

// verify checks the signature of a digest whose content has the hash sum.
func (k keyring) verify(d *digestFile, sum, signature string) error {
	if d.Algorithm != "SHA256withRSA" {
		return fmt.Errorf("%w: of the algorithm %q", errBadSignature, clip(d.Algorithm))
	}
	key, ok := k[strings.ToLower(d.Fingerprint)]
	switch {
	case !ok:
		return fmt.Errorf("%w with fingerprint %q", errNoKey, clip(d.Fingerprint))
	case !key.start.IsZero() && d.end.Before(key.start.Add(-keySlack)), !key.end.IsZero() && d.end.After(key.end.Add(keySlack)):
		return fmt.Errorf("%w: the key %s was not valid then", errBadSignature, d.Fingerprint)
	}
	raw, err := hex.DecodeString(signature)
	if err != nil {
		return fmt.Errorf("%w: it is not hexadecimal", errBadSignature)
	}
	hash := sha256.Sum256(d.signed(sum))
	if rsa.VerifyPKCS1v15(key.rsa, crypto.SHA256, hash[:], raw) != nil {
		return errBadSignature
	}
	return nil
}

// parseSignature reads a digest's signature from a file beside it: hexadecimal
// text, or what "aws s3api head-object" prints.
func parseSignature(data []byte) (string, error) {
	s := string(bytes.TrimSpace(data))
	if strings.HasPrefix(s, "{") {
		var object struct {
			Metadata struct {
				Signature string `json:"signature"`
			}
		}
		if err := json.Unmarshal(data, &object); err != nil {
			return "", err
		}
		s = object.Metadata.Signature
	}
	if _, err := hex.DecodeString(s); err != nil || s == "" {
		return "", errors.New("no signature in it")
	}
	return s, nil
}

// instant is a time as the AWS command prints it.
type instant time.Time

func (i *instant) UnmarshalJSON(data []byte) error {
	s := strings.Trim(string(data), `"`)
	if seconds, err := strconv.ParseFloat(s, 64); err == nil && seconds >= 0 && seconds < 1<<40 {
		*i = instant(time.Unix(int64(seconds), 0).UTC())
		return nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil && s != "null" {
		return fmt.Errorf("%q is not a time", clip(s))
	}
	*i = instant(t)
	return nil
}
