package livefile

import (
	"io/fs"
	"os"
	"syscall"
	"time"
)

// State tells one state of a file from another without reading it. It is
// comparable; the zero State is that of a file that is not there.
type State struct {
	device, inode uint64
	size          int64
	modified      time.Time
	mode          fs.FileMode
}

// Stat is the state of the file that path leads to now.
func Stat(path string) State {
	info, err := os.Stat(path)
	if err != nil {
		return State{}
	}
	return stateOf(info)
}

func stateOf(info fs.FileInfo) State {
	s := State{size: info.Size(), modified: info.ModTime(), mode: info.Mode()}
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		s.device, s.inode = uint64(stat.Dev), stat.Ino
	}
	return s
}

// Settled says that the file is there, and that a later change would show in its
// state: file systems keep times in steps, and two changes in one step look like
// one.
func (s State) Settled() bool {
	const coarsest = 2 * time.Second // of FAT; others are far below
	return s != State{} && time.Since(s.modified) > coarsest
}
