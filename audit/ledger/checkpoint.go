package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

// MaxCheckpointBytes bounds a signed checkpoint. Ours have a few hundred bytes;
// one that witnesses have cosigned may have a few thousand.
const MaxCheckpointBytes = 64 << 10

// maxTreeSize is far above any log and far below where the arithmetic of
// package tlog, which counts in int64, runs over.
const maxTreeSize = 1 << 60

// Checkpoint is what a log says of itself at one size: C2SP tlog-checkpoint.
type Checkpoint struct {
	Origin string    `json:"origin"`
	Size   uint64    `json:"size"`
	Root   tlog.Hash `json:"root"`
}

// Text returns the body of the signed note.
func (c Checkpoint) Text() string {
	return fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, c.Root)
}

func (c Checkpoint) tree() tlog.Tree { return tlog.Tree{N: int64(c.Size), Hash: c.Root} }

// ParseCheckpoint reads the body of a signed note. Extension lines are allowed
// and ignored, as the format has it.
func ParseCheckpoint(text string) (Checkpoint, error) {
	fail := func(what string) (Checkpoint, error) {
		return Checkpoint{}, fmt.Errorf("parse checkpoint: %s", what)
	}
	body, ended := strings.CutSuffix(text, "\n")
	if !ended {
		return fail("no final newline")
	}
	lines := strings.Split(body, "\n")
	if len(lines) < 3 {
		return fail("fewer than three lines")
	}
	if slices.Contains(lines, "") {
		return fail("empty line")
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil || size < 0 || strconv.FormatInt(size, 10) != lines[1] {
		return fail("malformed tree size")
	}
	if size > maxTreeSize {
		return fail("tree larger than any log")
	}
	root, err := parseHash(lines[2])
	if err != nil {
		return fail("malformed root hash")
	}
	return Checkpoint{Origin: lines[0], Size: uint64(size), Root: root}, nil
}

// OpenCheckpoint verifies a signed checkpoint by at least one of the keys, which
// are in the note package's text form. The key's name has to be the origin.
// Signatures by other keys, those of witnesses say, are not looked at.
//
// A checkpoint without a signature by one of the keys is a [*SignatureError].
func OpenCheckpoint(signed []byte, verifierKeys ...string) (Checkpoint, error) {
	verifiers, err := parseVerifiers(verifierKeys)
	if err != nil {
		return Checkpoint{}, err
	}
	return openCheckpoint(signed, verifiers)
}

// SignatureError says that a checkpoint is not signed by the log's key.
type SignatureError struct {
	Origin   string   // what the checkpoint claims, unverified
	SignedBy []string // names and hashes of the keys that it claims to be signed by
	Want     []string
}

func (e *SignatureError) Error() string {
	return fmt.Sprintf("checkpoint of %q is not signed by the log's key: want %s, signed by %s",
		e.Origin, strings.Join(e.Want, ", "), strings.Join(e.SignedBy, ", "))
}

// KeyError says that a text is not a verifier key.
type KeyError struct {
	Key string
	Err error
}

func (e *KeyError) Error() string { return fmt.Sprintf("verifier key %q: %v", e.Key, e.Err) }
func (e *KeyError) Unwrap() error { return e.Err }

func parseVerifiers(keys []string) ([]note.Verifier, error) {
	if len(keys) == 0 {
		return nil, &KeyError{"", errors.New("none given")}
	}
	var list []note.Verifier
	for _, key := range keys {
		v, err := note.NewVerifier(strings.TrimSpace(key))
		if err != nil {
			return nil, &KeyError{key, err}
		}
		list = append(list, v)
	}
	return list, nil
}

func openCheckpoint(signed []byte, verifiers []note.Verifier) (Checkpoint, error) {
	if len(signed) > MaxCheckpointBytes {
		return Checkpoint{}, fmt.Errorf("checkpoint of %d bytes, more than one may have", len(signed))
	}
	n, err := note.Open(signed, note.VerifierList(distinct(verifiers)...))
	if unverified, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Checkpoint{}, signatureError(unverified.Note, verifiers)
	}
	if err != nil {
		return Checkpoint{}, fmt.Errorf("open checkpoint: %w", err)
	}
	c, err := ParseCheckpoint(n.Text)
	if err != nil {
		return Checkpoint{}, err
	}
	for _, sig := range n.Sigs {
		// The note package takes any value for the unused bits of the encoding.
		// One checkpoint has one spelling here, so that no byte is free.
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Checkpoint{}, fmt.Errorf("open checkpoint: signature by %s: %w", sig.Name, err)
		}
		if sig.Name == c.Origin {
			return c, nil
		}
	}
	return Checkpoint{}, fmt.Errorf("open checkpoint: signed by %s, but its origin is %q", n.Sigs[0].Name, c.Origin)
}

// distinct leaves out repeated keys, which the note package takes for ambiguous.
func distinct(verifiers []note.Verifier) []note.Verifier {
	type id struct {
		name string
		hash uint32
	}
	seen := map[id]bool{}
	var list []note.Verifier
	for _, v := range verifiers {
		if k := (id{v.Name(), v.KeyHash()}); !seen[k] {
			seen[k] = true
			list = append(list, v)
		}
	}
	return list
}

func signatureError(n *note.Note, verifiers []note.Verifier) *SignatureError {
	e := &SignatureError{}
	e.Origin, _, _ = strings.Cut(n.Text, "\n")
	for _, sig := range n.UnverifiedSigs {
		e.SignedBy = append(e.SignedBy, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
	}
	for _, v := range verifiers {
		e.Want = append(e.Want, keyName(v))
	}
	return e
}

func keyName(v interface {
	Name() string
	KeyHash() uint32
}) string {
	return fmt.Sprintf("%s+%08x", v.Name(), v.KeyHash())
}

func parseHash(s string) (tlog.Hash, error) {
	var h tlog.Hash
	if len(s) != base64.StdEncoding.EncodedLen(len(h)) {
		return h, errors.New("malformed hash")
	}
	b, err := base64.StdEncoding.Strict().DecodeString(s)
	if err != nil || len(b) != len(h) {
		return h, errors.New("malformed hash")
	}
	return tlog.Hash(b), nil
}

// SplitCheckpoints splits a file of checkpoints, one or many of them one after
// the other, into signed notes. What is no note, such as the remains of an
// interrupted write, is left out and counted.
func SplitCheckpoints(data []byte) (notes [][]byte, incomplete int) {
	const signature = "— "
	var text []byte // of the paragraph before this one
	for rest := data; len(rest) > 0; {
		var paragraph []byte
		paragraph, rest = cutParagraph(rest)
		switch {
		case len(paragraph) == 0:
		case bytes.HasPrefix(paragraph, []byte(signature)) && text != nil:
			// A note's own lines may stand right before the next one's.
			end := 0
			for bytes.HasPrefix(paragraph[end:], []byte(signature)) {
				i := bytes.IndexByte(paragraph[end:], '\n')
				if i < 0 {
					break
				}
				end += i + 1
			}
			if end == 0 {
				incomplete++
				text = nil
				continue
			}
			n := append(bytes.Clone(text), '\n')
			notes = append(notes, append(n, paragraph[:end]...))
			text = nil
			if end < len(paragraph) {
				text = paragraph[end:]
			}
		default:
			if text != nil {
				incomplete++
			}
			text = paragraph
		}
	}
	if text != nil {
		incomplete++
	}
	return notes, incomplete
}

// cutParagraph returns what stands before the first empty line, and what
// stands behind it.
func cutParagraph(data []byte) (paragraph, rest []byte) {
	if bytes.HasPrefix(data, []byte("\n")) {
		return nil, data[1:]
	}
	if i := bytes.Index(data, []byte("\n\n")); i >= 0 {
		return data[:i+1], data[i+2:]
	}
	return data, nil
}
