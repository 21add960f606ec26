package ledger

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	proofHeader = "c2sp.org/tlog-proof@v1"

	// maxProofHashes is the depth of the deepest tree.
	maxProofHashes = 63

	// MaxProofBytes bounds the text of a proof: the longest line in base64, the
	// hashes, a checkpoint.
	MaxProofBytes = 256 << 10
)

// Proof is an offline proof that an entry is in a log: C2SP tlog-proof.
//
// Gatepost's proofs carry the entry itself, the event's line without its
// newline, as the format's extra data, so that one file is all there is to keep.
// The format leaves extra data unauthenticated. [CheckProof] computes the leaf
// hash from it, which the rest of the proof then covers, as the format foresees
// for data that the leaf is made of.
type Proof struct {
	Line       []byte // nil if the proof does not carry it
	Index      uint64
	Hashes     tlog.RecordProof
	Checkpoint []byte // the signed note
}

// Text returns the proof as it is kept, by convention in a file *.tlog-proof.
func (p *Proof) Text() []byte {
	var b bytes.Buffer
	b.WriteString(proofHeader + "\n")
	if p.Line != nil {
		b.WriteString("extra " + base64.StdEncoding.EncodeToString(p.Line) + "\n")
	}
	b.WriteString("index " + strconv.FormatUint(p.Index, 10) + "\n")
	for _, h := range p.Hashes {
		b.WriteString(h.String() + "\n")
	}
	b.WriteString("\n")
	b.Write(p.Checkpoint)
	return b.Bytes()
}

// ParseProof reads a proof and checks nothing but its form.
func ParseProof(text []byte) (*Proof, error) {
	fail := func(what string) (*Proof, error) { return nil, fmt.Errorf("parse proof: %s", what) }
	if len(text) > MaxProofBytes {
		return fail("longer than a proof may be")
	}
	head, checkpoint, ok := bytes.Cut(text, []byte("\n\n"))
	if !ok {
		return fail("no empty line before the checkpoint")
	}
	lines := strings.Split(string(head), "\n")
	next := func() string {
		if len(lines) == 0 {
			return ""
		}
		line := lines[0]
		lines = lines[1:]
		return line
	}
	if next() != proofHeader {
		return fail("first line is not " + proofHeader)
	}
	p := &Proof{Checkpoint: checkpoint}
	line := next()
	if encoded, ok := strings.CutPrefix(line, "extra "); ok {
		extra, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || strings.ContainsAny(encoded, "\r\n") {
			return fail("malformed extra data")
		}
		p.Line = extra
		line = next()
	}
	digits, ok := strings.CutPrefix(line, "index ")
	index, err := strconv.ParseUint(digits, 10, 64)
	if !ok || err != nil || strconv.FormatUint(index, 10) != digits {
		return fail("malformed index")
	}
	if index >= maxTreeSize {
		return fail("index beyond any log")
	}
	p.Index = index
	if len(lines) > maxProofHashes {
		return fail("more hashes than any tree is deep")
	}
	for _, line := range lines {
		h, err := parseHash(line)
		if err != nil {
			return fail("malformed hash")
		}
		p.Hashes = append(p.Hashes, h)
	}
	return p, nil
}

// Receipt is what a proof has proved.
type Receipt struct {
	Origin string    // the log
	Size   uint64    // of the log when the proof was made
	Root   tlog.Hash // of the log at that size
	Index  uint64
	Line   []byte // the entry
	Event  audit.Event
}

// CheckProof verifies a proof with nothing but the log's verifier key, in the
// note package's text form. The entry is the one that the proof carries; if line
// is not nil it has to be the same, and takes its place where the proof carries
// none.
//
// An error means that nothing is proved; a [*KeyError] that it is for want of a
// key.
func CheckProof(text, line []byte, verifierKey string) (*Receipt, error) {
	verifiers, err := parseVerifiers([]string{verifierKey})
	if err != nil {
		return nil, err
	}
	p, err := ParseProof(text)
	if err != nil {
		return nil, err
	}
	return p.check(line, verifiers)
}

func (p *Proof) check(line []byte, verifiers []note.Verifier) (*Receipt, error) {
	switch {
	case line == nil && p.Line == nil:
		return nil, errors.New("proof does not carry its entry: give the event's line too")
	case line == nil:
		line = p.Line
	case p.Line != nil && !bytes.Equal(line, p.Line):
		return nil, errors.New("proof is of another entry than the one given")
	}
	c, err := openCheckpoint(p.Checkpoint, verifiers)
	if err != nil {
		return nil, err
	}
	if p.Index >= c.Size {
		return nil, fmt.Errorf("entry %d is not covered by a checkpoint of %d entries", p.Index, c.Size)
	}
	if err := tlog.CheckRecord(p.Hashes, int64(c.Size), c.Root, int64(p.Index), tlog.RecordHash(line)); err != nil {
		return nil, fmt.Errorf("entry %d: %w", p.Index, err)
	}
	event, err := audit.ParseLine(line)
	if err != nil {
		return nil, fmt.Errorf("entry %d is in the log, but is not an event: %w", p.Index, err)
	}
	if event.Index != p.Index {
		return nil, fmt.Errorf("entry %d is in the log, but calls itself entry %d", p.Index, event.Index)
	}
	return &Receipt{
		Origin: c.Origin, Size: c.Size, Root: c.Root,
		Index: p.Index, Line: line, Event: event,
	}, nil
}
