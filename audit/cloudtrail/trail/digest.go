package trail

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// digestFile lists the log files that were delivered in a span of time, about an
// hour, and names the digest before it:
// https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html
type digestFile struct {
	Account     string       `json:"awsAccountId"`
	StartTime   time.Time    `json:"digestStartTime"`
	EndTime     string       `json:"digestEndTime"` // as it is signed
	Bucket      string       `json:"digestS3Bucket"`
	Object      string       `json:"digestS3Object"`
	Fingerprint string       `json:"digestPublicKeyFingerprint"`
	Algorithm   string       `json:"digestSignatureAlgorithm"`
	Previous    string       `json:"previousDigestS3Object"` // "" begins a chain
	Hash        string       `json:"previousDigestHashValue"`
	HashBy      string       `json:"previousDigestHashAlgorithm"`
	Signature   *string      `json:"previousDigestSignature"`
	LogFiles    []listedFile `json:"logFiles"`

	end time.Time
}

// listedFile is a log file in a digest.
type listedFile struct {
	Object string `json:"s3Object"`
	Hash   string `json:"hashValue"`
	HashBy string `json:"hashAlgorithm"`

	name name
}

// maxDigestBytes of a digest, uncompressed: more than 100,000 log files in an hour.
const maxDigestBytes = 64 << 20

// maxSignatureBytes of what is beside a digest: a signature has 512 digits.
const maxSignatureBytes = 64 << 10

// parseDigest reads a digest that was found as a file of that name. It has to be
// the one that the name says: moved to another hour it would hide one.
func parseDigest(data []byte, n name) (*digestFile, error) {
	d := new(digestFile)
	if err := json.Unmarshal(data, d); err != nil {
		return nil, fmt.Errorf("read digest: %w", err)
	}
	end, err := time.Parse(time.RFC3339, d.EndTime)
	if err != nil {
		return nil, fmt.Errorf("read digest: digestEndTime %q is not a time", clip(d.EndTime))
	}
	d.end = end.UTC()
	d.StartTime = d.StartTime.UTC()
	switch got := parseName(d.Object); {
	case got.base != n.base:
		return nil, fmt.Errorf("the digest is not this one but %q", clip(d.Object))
	case d.Account != n.account:
		return nil, fmt.Errorf("the digest is account %q's", clip(d.Account))
	case !d.end.Equal(n.time):
		return nil, fmt.Errorf("the digest ends at %s", d.EndTime)
	case d.StartTime.IsZero():
		return nil, errors.New("the digest has no digestStartTime")
	case !d.StartTime.Before(d.end):
		return nil, errors.New("the digest ends before it starts")
	}
	for i := range d.LogFiles {
		d.LogFiles[i].name = parseName(d.LogFiles[i].Object)
	}
	return d, nil
}

// signed is what CloudTrail signs of a digest whose uncompressed content has the
// hash sum.
func (d *digestFile) signed(sum string) []byte {
	previous := "null"
	if d.Signature != nil {
		previous = *d.Signature
	}
	return []byte(d.EndTime + "\n" + d.Bucket + "/" + d.Object + "\n" + sum + "\n" + previous)
}

// clip is a string of a file for a message.
func clip(s string) string {
	if len(s) > 200 {
		return s[:200] + "…"
	}
	return s
}
