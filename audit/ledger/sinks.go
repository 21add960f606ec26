package ledger

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// WriterSink writes each checkpoint to a stream, standard output say, followed
// by an empty line.
func WriterSink(name string, w io.Writer) Sink { return &writerSink{name, w} }

type writerSink struct {
	name string
	w    io.Writer
}

func (s *writerSink) Name() string { return s.name }

func (s *writerSink) Put(_ context.Context, checkpoint []byte) error {
	_, err := s.w.Write(append(bytes.Clone(checkpoint), '\n'))
	return err
}

// FileSink keeps the newest checkpoint in a file, which is replaced atomically,
// and appends each to a history if that has a path too. Both belong on another
// volume or machine than the log. At the start the log is compared with what
// the file holds.
func FileSink(path, history string) Sink { return &fileSink{path, history} }

type fileSink struct{ path, history string }

func (s *fileSink) Name() string { return s.path }

func (s *fileSink) Put(_ context.Context, checkpoint []byte) error {
	var errs []error
	if s.history != "" {
		errs = append(errs, s.append(checkpoint))
	}
	root, err := osFS{}.CreateRoot(filepath.Dir(s.path))
	if err == nil {
		err = errors.Join(replaceFileDurably(root, filepath.Base(s.path), checkpoint, publicFile), root.Close())
	}
	return errors.Join(append(errs, err)...)
}

func (s *fileSink) append(checkpoint []byte) error {
	f, err := os.OpenFile(s.history, os.O_WRONLY|os.O_CREATE|os.O_APPEND, publicFile)
	if err != nil {
		return err
	}
	// Two newlines in front end what an interrupted write may have left.
	record := append([]byte("\n\n"), checkpoint...)
	_, err = f.Write(record)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

func (s *fileSink) Kept(context.Context) ([]byte, error) {
	data, err := os.ReadFile(s.path)
	if isNotExist(err) {
		return nil, nil
	}
	return data, err
}

// CommandSink runs a command for each checkpoint, with the checkpoint as its
// standard input: a hook for witnesses and for write-once storage. It is no
// shell; the command is killed when it takes too long.
func CommandSink(name string, args ...string) Sink { return &commandSink{name, args} }

type commandSink struct {
	name string
	args []string
}

// killGrace is how long a command's own children may hold its output open.
const killGrace = 2 * time.Second

func (s *commandSink) Name() string { return s.name }

func (s *commandSink) Put(ctx context.Context, checkpoint []byte) error {
	cmd := exec.CommandContext(ctx, s.name, s.args...)
	cmd.Stdin = bytes.NewReader(checkpoint)
	said := &tail{}
	cmd.Stderr = said
	cmd.WaitDelay = killGrace
	err := cmd.Run()
	switch {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", s.name, context.Cause(ctx))
	case said.String() != "":
		return fmt.Errorf("%s: %w: %s", s.name, err, said)
	}
	return fmt.Errorf("%s: %w", s.name, err)
}

// tail keeps the end of what is written to it.
type tail struct{ buf []byte }

const tailBytes = 512

func (t *tail) Write(p []byte) (int, error) {
	t.buf = append(t.buf, p...)
	if extra := len(t.buf) - tailBytes; extra > 0 {
		t.buf = append(t.buf[:0], t.buf[extra:]...)
	}
	return len(p), nil
}

func (t *tail) String() string { return strings.ToValidUTF8(strings.TrimSpace(string(t.buf)), "�") }
