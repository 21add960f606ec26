package trail

import "time"

// Name is what a file's name tells.
type Name struct {
	Kind                         string
	Base, Account, Region, Trail string
	Time                         time.Time
}

// ParseName exports parseName.
func ParseName(p string) Name {
	n := parseName(p)
	kinds := [...]string{other: "other", stray: "stray", log: "log", digest: "digest", backfill: "backfill", signature: "signature"}
	return Name{kinds[n.kind], n.base, n.account, n.region, n.trail, n.time}
}

// ParseDigest exports parseDigest; it returns what is signed of the digest.
func ParseDigest(data []byte, path string) (string, error) {
	d, err := parseDigest(data, parseName(path))
	if err != nil {
		return "", err
	}
	return string(d.signed("sum")), nil
}

// BeforeDay exports before.
var BeforeDay = before
