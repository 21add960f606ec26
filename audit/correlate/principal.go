package correlate

import (
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// principal is what the ARN of an identity tells.
type principal struct {
	account string
	role    string // of a role or of a session of it, without its path
	session string
}

// parseARN reads arn:partition:service:region:account:resource.
func parseARN(arn string) (p principal) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" {
		return p
	}
	p.account = parts[4]
	kind, name, _ := strings.Cut(parts[5], "/")
	switch {
	case parts[2] == "sts" && kind == "assumed-role":
		p.role, p.session, _ = strings.Cut(name, "/")
	case parts[2] == "iam" && kind == "role":
		p.role = name[strings.LastIndexByte(name, '/')+1:]
	}
	return p
}

// samePrincipal compares the identity that a call was signed as with the one of a
// record. A session of a role is the role, if the other side tells no session.
func samePrincipal(ours string, theirs *cloudtrail.UserIdentity) bool {
	if ours == "" {
		return true
	}
	known := false
	for _, arn := range []string{theirs.ARN, theirs.IssuerARN} {
		if cloudtrail.Unknown(arn) {
			continue
		}
		known = true
		if arn == ours {
			return true
		}
		a, b := parseARN(ours), parseARN(arn)
		if a.role == "" || a.role != b.role || a.account != b.account {
			continue
		}
		if a.session == "" || b.session == "" {
			if arn == theirs.ARN || cloudtrail.Unknown(theirs.ARN) {
				return true
			}
			// The issuer is the role; whether the session is the same, the ARN tells.
			if a.session == "" {
				return true
			}
		}
	}
	return !known
}
