package livefile

import "io/fs"

// Replace is what an edit does to a file, in a directory that syncs as told.
func Replace(path string, text []byte, old fs.FileInfo, syncDir func(dir string) error) error {
	return replace(path, text, old, syncDir)
}
