package main

import (
	"bytes"
	"crypto/sha256"
	"errors"

	"github.com/gatepost-proxy/gatepost/audit/export"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// logProofs returns what proves the entries of the log in dir.
func logProofs(dir string) (func(index uint64) (*export.Proof, error), error) {
	key, err := ledger.ReadVerifierKey(dir)
	if err != nil {
		return nil, err
	}
	return func(index uint64) (*export.Proof, error) {
		text, err := ledger.ProveDir(dir, index)
		if _, uncovered := errors.AsType[*ledger.NotCoveredError](err); uncovered {
			return nil, nil
		}
		if err != nil {
			// A tile may just have been superseded.
			if text, err = ledger.ProveDir(dir, index); err != nil {
				return nil, err
			}
		}
		p, err := ledger.ParseProof(text)
		if err != nil {
			return nil, err
		}
		proof := &export.Proof{Authority: key, Text: text}
		if signed, _, ok := bytes.Cut(p.Checkpoint, []byte("\n\n")); ok {
			// What an Ed25519 key signs is the note's text with its last newline.
			sum := sha256.Sum256(append(bytes.Clone(signed), '\n'))
			proof.Signatures = []export.Signature{{Algorithm: "Ed25519", Signed: sum}}
		}
		return proof, nil
	}, nil
}
