package livefile

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// Rules say which files are taken. Only regular files are.
type Rules struct {
	// MaxBytes keeps a wrong path from filling the memory.
	MaxBytes int
	// Mode returns why a file with this text may not have these permission bits,
	// and the argument of chmod that mends it; two empty strings if it may.
	Mode func(mode fs.FileMode, text []byte) (why, chmod string)
}

// Content is a file as it was at one moment.
type Content struct {
	Text  []byte
	State State

	info fs.FileInfo
}

// Read reads a file that nobody writes to meanwhile: half a file may look like a
// whole one with less in it. It reads again when somebody does, but does not wait
// for an endless writer. Its error is a [*Fault].
func (r *Rules) Read(path string) (*Content, error) {
	const tries = 3
	for range tries {
		c, err := r.read(path)
		if err != nil {
			return nil, err
		}
		if Stat(path) == c.State {
			return c, nil
		}
	}
	return nil, &Fault{File: path, Problem: "is being written at the moment"}
}

func (r *Rules) read(path string) (*Content, error) {
	// Without O_NONBLOCK a pipe in the file's place would hang the open.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, faultOf(path, err)
	}
	defer f.Close()
	// The text is taken for the state before it was read, so that a change
	// meanwhile shows.
	info, err := f.Stat()
	if err != nil {
		return nil, faultOf(path, err)
	}
	if !info.Mode().IsRegular() {
		return nil, &Fault{File: path, Problem: "is not a regular file"}
	}
	text, err := io.ReadAll(io.LimitReader(f, int64(r.MaxBytes)+1))
	if err != nil {
		return nil, faultOf(path, err)
	}
	if len(text) > r.MaxBytes {
		return nil, &Fault{File: path, Problem: fmt.Sprintf("is larger than %d bytes", r.MaxBytes)}
	}
	mode := info.Mode().Perm()
	if why, chmod := r.Mode(mode, text); why != "" {
		return nil, &Fault{File: path, Problem: fmt.Sprintf("has mode %04o, and %s; run: chmod %s %s", mode, why, chmod, path)}
	}
	return &Content{Text: text, State: stateOf(info), info: info}, nil
}
