package export

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Proof is what ties a line to the signed log.
type Proof struct {
	UID        string // of this attestation; "" is the log's name, "/" and the index
	Authority  string // the log's verifier key, in the note package's text form
	Signatures []Signature
	Previous   *Previous // nil: a tree needs no chain
	Text       []byte    // the C2SP tlog-proof
}

// Signature is one over the checkpoint that the proof leads to. OCSF has no
// place for its bytes, which are in the proof's text.
type Signature struct {
	Algorithm string // such as Ed25519
	Signed    [sha256.Size]byte
}

// Previous names the entry before.
type Previous struct {
	UID  string // its metadata.uid
	Leaf [sha256.Size]byte
}

// leafHash is the hash of a line in the log's tree (RFC 6962).
func leafHash(line []byte) [sha256.Size]byte {
	h := sha256.New()
	h.Write([]byte{0})
	h.Write(line)
	var sum [sha256.Size]byte
	h.Sum(sum[:0])
	return sum
}

func (o *object) attestation(e *audit.Event, line []byte, p *Proof) {
	list := o.open("attestation_list", '[')
	mark := o.open("", '{')
	if p.UID != "" {
		o.text("uid", p.UID)
	} else {
		o.key("uid")
		o.b = append(o.b, '"')
		o.b = AppendQuoted(o.b, e.Origin)
		o.b = append(o.b, '/')
		o.b = appendUint(o.b, e.Index)
		o.b = append(o.b, '"')
	}
	o.text("authority_uid", p.Authority)
	o.text("chain_uid", e.Origin)
	o.fingerprint("fingerprint", leafHash(line))
	if p.Previous != nil && p.Previous.UID != "" {
		previous := o.open("prev_event", '{')
		o.text("uid", p.Previous.UID)
		o.fingerprint("fingerprint", p.Previous.Leaf)
		o.close(previous)
	}
	signatures := o.open("signatures", '[')
	for i := range p.Signatures {
		signature := o.open("", '{')
		o.text("algorithm", p.Signatures[i].Algorithm)
		o.int("algorithm_id", 99)
		o.fingerprint("digest", p.Signatures[i].Signed)
		o.close(signature)
	}
	o.close(signatures)
	o.close(mark)
	o.close(list)
}

func (o *object) fingerprint(name string, sum [sha256.Size]byte) {
	mark := o.open(name, '{')
	o.text("algorithm", "SHA-256")
	o.int("algorithm_id", 3)
	o.key("value")
	o.b = append(o.b, '"')
	o.b = hex.AppendEncode(o.b, sum[:])
	o.b = append(o.b, '"')
	o.close(mark)
}
