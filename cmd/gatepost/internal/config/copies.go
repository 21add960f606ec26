package config

import (
	"fmt"
	"path/filepath"
	"strings"
)

// CheckpointCopy is one item of audit.checkpoint_copies, taken apart. With neither
// member set it is the standard output.
type CheckpointCopy struct {
	File    string
	Command []string // and its arguments
}

const (
	copyStdout  = "stdout"
	copyFile    = "file:"
	copyCommand = "command:"
)

// ParseCheckpointCopy takes an item of audit.checkpoint_copies apart.
func ParseCheckpointCopy(text string) (CheckpointCopy, error) {
	if text == copyStdout {
		return CheckpointCopy{}, nil
	}
	if file, ok := strings.CutPrefix(text, copyFile); ok {
		if file == "" || strings.HasSuffix(file, "/") {
			return CheckpointCopy{}, fmt.Errorf("%q names no file: write one such as file:/mnt/elsewhere/checkpoint", text)
		}
		return CheckpointCopy{File: file}, nil
	}
	if line, ok := strings.CutPrefix(text, copyCommand); ok {
		words := strings.Fields(line)
		if len(words) == 0 || !filepath.IsAbs(words[0]) {
			return CheckpointCopy{}, fmt.Errorf("%q names no command by its full path: write one such as command:/usr/local/bin/witness --log fra1", text)
		}
		return CheckpointCopy{Command: words}, nil
	}
	return CheckpointCopy{}, fmt.Errorf("%q is not known: use stdout, file:PATH or command:/PATH ARGUMENTS", text)
}
