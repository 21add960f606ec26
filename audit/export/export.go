package export

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/gatepost-proxy/gatepost/audit"
)

const (
	outputBuffer  = 64 << 10
	progressEvery = 1000 // records
	// keptBuffer is how large a record's buffer may stay once it had to grow: of
	// the records of a log few come near it.
	keptBuffer = 1 << 20
)

// Record is an entry of the log. Both are only looked at until the next step of
// the iteration that yields it.
type Record struct {
	Event *audit.Event
	Line  []byte // as stored, without its newline; what JSONL writes and a proof is about
}

// Options say how to export.
type Options struct {
	Format  Format
	Version string // gatepost's own, which OCSF calls the product's

	// Proof makes OCSF events carry their proof, in a profile that is not
	// released; nil leaves it out. It returns nil for an entry that no checkpoint
	// covers yet; an error ends the export.
	Proof func(index uint64) (*Proof, error)

	// Progress is told now and then, and at the end, how many records have been
	// written. It is called from within Write.
	Progress func(records uint64)
}

// encoder makes a record's bytes, its line end included.
type encoder interface {
	appendRecord(dst []byte, r Record) ([]byte, error)
}

// Write writes the records until there are no more. It ends early with the error
// that the iteration yields, of writing, or of ctx; what it has written by then
// are whole records, unless w itself failed.
func Write(ctx context.Context, w io.Writer, records iter.Seq2[Record, error], o Options) (err error) {
	var enc encoder
	out := bufio.NewWriterSize(w, outputBuffer)
	switch o.Format {
	case JSONL:
		enc = jsonlEncoder{}
	case OCSF:
		enc = &ocsfEncoder{version: o.Version, proof: o.Proof}
	case CSV:
		enc = csvEncoder{}
		out.Write(appendHeader(nil)) // an error sticks to out
	default:
		return fmt.Errorf("export: there is no format %q", o.Format)
	}
	n := uint64(0)
	defer func() {
		if flushErr := out.Flush(); err == nil && flushErr != nil {
			err = fmt.Errorf("write export: %w", flushErr)
		}
		if o.Progress != nil {
			o.Progress(n)
		}
	}()
	var buf []byte
	for r, err := range records {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		if buf, err = enc.appendRecord(buf[:0], r); err != nil {
			return err
		}
		if _, err := out.Write(buf); err != nil {
			return fmt.Errorf("write export: %w", err)
		}
		if cap(buf) > keptBuffer {
			buf = nil
		}
		if n++; o.Progress != nil && n%progressEvery == 0 {
			o.Progress(n)
		}
	}
	return nil
}

type jsonlEncoder struct{}

func (jsonlEncoder) appendRecord(dst []byte, r Record) ([]byte, error) {
	return append(append(dst, r.Line...), '\n'), nil
}
