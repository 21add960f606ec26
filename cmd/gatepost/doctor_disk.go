package main

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
)

// place is where the log is or will be: the nearest directory that exists.
func (d *doctor) place() (string, error) {
	dir, err := filepath.Abs(d.config.Audit.Dir)
	if err != nil {
		return "", err
	}
	for {
		info, err := os.Stat(dir)
		switch {
		case err == nil && info.IsDir():
			return dir, nil
		case err == nil:
			return "", &fs.PathError{Op: "open", Path: dir, Err: unix.ENOTDIR}
		case !errors.Is(err, fs.ErrNotExist):
			return "", err
		}
		dir = filepath.Dir(dir)
	}
}

// headroom is how many segments have to fit beside the reserve for a disk to pass.
const headroom = 8

func (d *doctor) disk(context.Context) checked {
	dir, err := d.place()
	if err != nil {
		return fails("audit.dir: %w", err)
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return fails("measure %s: %w", dir, err)
	}
	free := int64(st.Bavail) * st.Bsize
	need := d.config.Audit.Reserve + headroom*d.config.Audit.SegmentBytes
	if free < need {
		return fails("%s are free under %s: audit.reserve and %d segments need %s", config.FormatSize(free), dir, headroom, config.FormatSize(need))
	}
	return found("%s free under %s, %s of them in reserve", config.FormatSize(free), dir, config.FormatSize(d.config.Audit.Reserve))
}

// syncs is how many commits the disk is timed over.
const syncs = 50

// fsync times what every answer waits for.
func (d *doctor) fsync(ctx context.Context) checked {
	dir, err := d.place()
	if err != nil {
		return fails("audit.dir: %w", err)
	}
	f, err := os.CreateTemp(dir, ".doctor-*")
	if err != nil {
		return fails("write under audit.dir: %w: the user that runs gatepost has to own it", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	line := make([]byte, 1024)
	var took []time.Duration
	for range syncs {
		if err := ctx.Err(); err != nil {
			return fails("the disk took longer than %s for %d commits", checkTimeout, len(took))
		}
		start := time.Now()
		if _, err := f.Write(line); err != nil {
			return fails("write under audit.dir: %w", err)
		}
		if err := f.Sync(); err != nil {
			return fails("sync under audit.dir: %w", err)
		}
		took = append(took, time.Since(start))
	}
	slices.Sort(took)
	median, worst := took[len(took)/2].Round(10*time.Microsecond), took[len(took)-1].Round(10*time.Microsecond)
	if worst >= d.config.Audit.CommitTimeout {
		return fails("a commit took %s (half of %d within %s), and audit.commit_timeout is %s: calls would be refused", worst, syncs, median, d.config.Audit.CommitTimeout)
	}
	return found("half of %d commits within %s, all within %s; audit.commit_timeout is %s", syncs, median, worst, d.config.Audit.CommitTimeout)
}
