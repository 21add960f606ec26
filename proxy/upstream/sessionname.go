package upstream

import (
	"crypto/sha256"
	"encoding/hex"
	"regexp"
)

var (
	// acceptedName is what STS takes as RoleSessionName and SourceIdentity.
	acceptedName = regexp.MustCompile(`^[A-Za-z0-9_+=,.@-]{2,64}$`)
	forbidden    = regexp.MustCompile(`[^A-Za-z0-9_+=,.@-]`)

	// alteredName is the form of a name that could not stay as it was.
	alteredName = regexp.MustCompile(`=[0-9a-f]{20}$`)
)

// sessionName is the name of a principal's sessions. No two principals share one:
// a name that STS takes stays as it is, any other ends in a hash of the
// principal, and so does one that looks as if it did already.
func sessionName(principal string) string {
	if acceptedName.MatchString(principal) && !alteredName.MatchString(principal) {
		return principal
	}
	sum := sha256.Sum256([]byte(principal))
	suffix := "=" + hex.EncodeToString(sum[:10])
	readable := forbidden.ReplaceAllString(principal, "_")
	return readable[:min(len(readable), 64-len(suffix))] + suffix
}
