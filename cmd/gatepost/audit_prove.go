package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

func newAuditProveCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "prove ID",
		Short: "Make an offline proof that an event is in the log",
		Long: `Prints a proof (C2SP tlog-proof) that one event is in the log, at its place, under a
signed checkpoint. Whoever has the log's public key checks it with gatepost audit
check-proof, offline, and needs nothing else. It stays good as the log grows, and when
old entries are pruned.

Of a call, what is proved is its outcome, or what else ID's position in the log names.
An entry that was pruned is proved by its position, and has to be kept elsewhere.`,
		Example: `  gatepost audit prove 01985c2a-7e4b-7c3d-9a51-2b8f6c0d1e2f > event.tlog-proof
  gatepost audit prove 4711`,
		Args: oneArgument("the id of an event, or its position in the log"),
	}
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		want, err := parseEventName(args[0])
		if err != nil {
			return err
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		index := want.index
		if want.id != "" {
			if index, err = p.indexOf(cmd, dir, want.id); err != nil {
				return err
			}
		}
		proof, err := ledger.ProveDir(dir, index)
		if _, uncovered := errors.AsType[*ledger.NotCoveredError](err); uncovered {
			return answerNo("%w: try again once it is, usually within a second", err)
		}
		if err != nil {
			return err
		}
		if parsed, err := ledger.ParseProof(proof); err == nil && parsed.Line == nil {
			fmt.Fprintf(p.stderr, "note: entry %d was pruned: the proof does not carry it, so check-proof needs its line as --event\n", index)
		}
		_, err = p.stdout.Write(proof)
		return err
	}
	return cmd
}

// indexOf is the place of the outcome, or of the only entry, that an event id names.
func (p *program) indexOf(cmd *cobra.Command, dir, id string) (uint64, error) {
	damaged := &damage{program: p}
	for r, err := range backward(cmd.Context(), dir, [][]byte{[]byte(id)}, nil, damaged) {
		if err != nil {
			return 0, err
		}
		if r.event.ID == id && r.event.Kind != audit.KindIntent {
			return r.event.Index, nil
		}
	}
	return 0, answerNo("there is no event %s in the log %s", id, dir)
}

func newAuditCheckProofCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check-proof FILE --public-key KEY",
		Short: "Check a proof, with nothing but the log's public key",
		Long: `Checks a proof that gatepost audit prove or the API made, and prints what it proves.
It needs no log and no network. FILE may be - for standard input.

Exit status 0 says that the proof holds, 1 that it does not.`,
		Example: `  gatepost audit check-proof event.tlog-proof --public-key log.pub`,
		Args:    oneArgument("the file that holds the proof"),
	}
	key := cmd.Flags().String("public-key", "", "the log's public `key`, or a file that holds it (required)")
	event := cmd.Flags().String("event", "", "`file` with the event's line, for a proof that does not carry it")
	output := addChoice(cmd, "output", "o", "words for people, or one object", true, "text", "json")
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		if *key == "" {
			return misuse("a proof is checked against the log's public key: give --public-key, as gatepost audit public-key prints it")
		}
		verifier, err := publicKey(*key)
		if err != nil {
			return err
		}
		var proof, line []byte
		if args[0] == "-" {
			proof, err = io.ReadAll(io.LimitReader(p.stdin, maxProof))
		} else {
			proof, err = os.ReadFile(args[0])
		}
		if err == nil && *event != "" {
			line, err = os.ReadFile(*event)
			line = trimNewline(line)
		}
		if err != nil {
			return err
		}
		receipt, err := ledger.CheckProof(proof, line, verifier)
		if _, badKey := errors.AsType[*ledger.KeyError](err); badKey {
			return err
		}
		if err != nil {
			return answerNo("the proof does not hold: %w", err)
		}
		if output.value == "json" {
			return json.NewEncoder(p.stdout).Encode(map[string]any{
				"holds": true, "origin": receipt.Origin, "index": receipt.Index, "size": receipt.Size, "root": receipt.Root.String(), "event": json.RawMessage(receipt.Line),
			})
		}
		_, err = fmt.Fprintf(p.stdout, "The proof holds: event %s is entry %d of the log %s, which had %d entries then.\n%s\n",
			clean(receipt.Event.ID), receipt.Index, clean(receipt.Origin), receipt.Size, receipt.Line)
		return err
	}
	return cmd
}

// maxProof is far above the longest proof: 64 hashes, a checkpoint and an entry.
const maxProof = 1 << 20

func trimNewline(line []byte) []byte {
	if n := len(line); n > 0 && line[n-1] == '\n' {
		return line[:n-1]
	}
	return line
}

func newAuditPublicKeyCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "public-key",
		Short: "Print the log's public key",
		Long: `Prints the key that checkpoints and proofs are checked with, in the note package's
text form. Keep a copy away from this machine: whoever can rewrite the log can replace
the one beside it.`,
		Example: `  gatepost audit public-key --data-dir /var/lib/gatepost/audit > log.pub`,
		Args:    noArguments,
	}
	addLogFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		key, err := ledger.ReadVerifierKey(dir)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.stdout, key)
		return err
	}
	return cmd
}
