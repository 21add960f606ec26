package sigv4

import "strings"

// appendPath appends the canonical URI: the path as received with every
// character encoded once more, as AWS does for every service but S3. It never
// decodes, so "%2F" and "/" cannot be mistaken for each other.
func appendPath(dst []byte, path string, p Profile) []byte {
	if p.NormalizePath {
		path = normalize(path)
	}
	return appendEscaped(dst, path, true)
}

// checkTarget refuses a method, path or query that has more than one reading,
// or that some hop may clean up before it is used: then what was signed would
// not be what is done.
func checkTarget(req *Request, p Profile) *Error {
	if req.Method == "" || len(req.Method) > 16 {
		return refuse(ReasonTarget, "method has no usable length")
	}
	for i := range len(req.Method) {
		if c := req.Method[i]; c < 'A' || c > 'Z' {
			return refuse(ReasonTarget, "method is not in capital letters")
		}
	}
	if req.Path == "" || req.Path[0] != '/' {
		return refuse(ReasonTarget, "path does not begin with a slash")
	}
	if !p.NormalizePath && !p.AnyTarget {
		if err := checkPath(req.Path); err != nil {
			return err
		}
	}
	if !p.AnyTarget {
		return checkQuery(req.Query)
	}
	return nil
}

// checkPath looks only at the raw bytes: an escaped dot or slash is hashed as
// it stands, and what it means is for whoever decodes it to say.
func checkPath(path string) *Error {
	start := 1 // of the segment
	for i := 1; i <= len(path); i++ {
		if i < len(path) {
			c := path[i]
			if c <= ' ' || c >= 0x7f || c == '#' || c == '?' {
				return refuse(ReasonTarget, "path has a character that must be percent-encoded")
			}
			if c != '/' {
				continue
			}
			if i == start {
				return refuse(ReasonTarget, "path has an empty segment")
			}
		}
		if s := path[start:i]; s == "." || s == ".." {
			return refuse(ReasonTarget, "path has a dot segment")
		}
		start = i + 1
	}
	return nil
}

// normalize removes dot segments and empty segments.
func normalize(path string) string {
	var kept []string
	segments := strings.Split(path, "/")
	for _, s := range segments {
		switch s {
		case "", ".":
		case "..":
			kept = kept[:max(0, len(kept)-1)]
		default:
			kept = append(kept, s)
		}
	}
	clean := "/" + strings.Join(kept, "/")
	switch segments[len(segments)-1] {
	case "", ".", "..":
		if clean != "/" {
			clean += "/"
		}
	}
	return clean
}
