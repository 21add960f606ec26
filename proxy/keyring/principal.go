package keyring

import "time"

// Principal is a caller who proved, in this request, possession of an access key.
// Only [Ring.Authenticate] makes one. The zero Principal is nobody: it is not
// current and is allowed nothing.
//
// It is a small value and remains valid, with the definition that was loaded
// when it was made, after the key changes or goes; [Principal.Current] tells.
type Principal struct {
	ring    *Ring
	key     *key
	refused string // why the key may not be used, "" if it may
}

// Name is the name that the key's definition gives to the caller. Several keys
// may share it.
func (p Principal) Name() string {
	if p.key == nil {
		return ""
	}
	return p.key.principal
}

// KeyID is the access key id.
func (p Principal) KeyID() string {
	if p.key == nil {
		return ""
	}
	return p.key.id
}

// Generation stands for the definition of the key as it was when the request was
// verified. It is never 0 for a principal that was verified, and never belongs to
// two definitions.
func (p Principal) Generation() uint64 {
	if p.key == nil {
		return 0
	}
	return p.key.generation
}

// Expires is when the key ends; zero means never.
func (p Principal) Expires() time.Time {
	if p.key == nil {
		return time.Time{}
	}
	return p.key.expires
}

// Current says that the key as it is loaded now is still of this generation. A
// request that waited should ask before it is answered.
func (p Principal) Current() bool {
	return p.key != nil && p.ring.file.Value().byID[p.key.id] == p.key
}

// Allows says whether the key's policy lets the caller call an operation of the
// API, or "Unknown" for a path outside of it, in a region. connectionID is the
// decoded id of a GetConnection and is not looked at for other operations. A
// refusal comes with one of the Reason constants. A principal that came with a
// [*Refused] is allowed nothing.
func (p Principal) Allows(operation, region, connectionID string) (ok bool, reason string) {
	switch {
	case p.key == nil:
		return false, ReasonNoAllow
	case p.refused != "":
		return false, p.refused
	}
	return p.key.policy.allows(operation, region, connectionID)
}
