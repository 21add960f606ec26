package trail

import (
	"path"
	"strings"
	"time"
)

// kind is what a file is, told from its name.
type kind int

const (
	other     kind = iota // none of a trail's
	stray                 // perhaps a log file, with a name that does not tell whose
	log                   // 111122223333_CloudTrail_us-west-2_20261126T0105Z_Mu0KsOhtH1ar15ZZ.json.gz
	digest                // 111122223333_CloudTrail-Digest_us-west-2_my-trail_us-west-2_20261126T011501Z.json.gz
	backfill              // the same with _backfill behind the time: names log files that a digest missed
	signature             // <digest>.sig or <digest>.metadata.json
)

const (
	logTime    = "20060102T1504Z"
	digestTime = "20060102T150405Z"
)

// name is what a file's name tells. CloudTrail gives no two objects the same base
// name, so files are found by it wherever they were synced to.
type name struct {
	kind    kind
	base    string // without directory, .json, .gz and what marks a signature
	account string
	region  string
	trail   string    // of digests: the trail's name and home region
	time    time.Time // of a log file its delivery, to the minute; of a digest its end
}

// parseName reads the name of a file or of an object in S3.
func parseName(p string) name {
	base := path.Base(p)
	isSignature := false
	for _, suffix := range []string{".sig", ".metadata.json"} {
		if s, ok := strings.CutSuffix(base, suffix); ok {
			base, isSignature = s, true
			break
		}
	}
	base = strings.TrimSuffix(base, ".gz")
	base, ok := strings.CutSuffix(base, ".json")
	if !ok || base == "" {
		return name{}
	}
	n := parseBase(base)
	switch {
	case !isSignature:
		return n
	case n.kind == digest || n.kind == backfill:
		n.kind = signature
		return n
	}
	return name{}
}

func parseBase(base string) name {
	n := name{kind: stray, base: base}
	account, rest, _ := strings.Cut(base, "_")
	service, rest, _ := strings.Cut(rest, "_")
	region, rest, ok := strings.Cut(rest, "_")
	if !ok || !isAccount(account) || region == "" || !strings.HasPrefix(service, "CloudTrail") {
		return n
	}
	n.account, n.region = account, region
	layout, at := logTime, ""
	switch service {
	case "CloudTrail":
		n.kind = log
		at, _, ok = strings.Cut(rest, "_")
	case "CloudTrail-Digest":
		n.kind, layout = digest, digestTime
		if s, ok := strings.CutSuffix(rest, "_backfill"); ok {
			n.kind, rest = backfill, s
		}
		i := strings.LastIndexByte(rest, '_')
		if ok = i > 0; ok {
			n.trail, at = rest[:i], rest[i+1:]
		}
	default: // Insights, network activity: no records of calls
		return name{}
	}
	t, err := time.Parse(layout, at)
	if err != nil || !ok {
		return name{kind: stray, base: base}
	}
	n.time = t
	return n
}

func isAccount(s string) bool {
	if len(s) != 12 {
		return false
	}
	return strings.Trim(s, "0123456789") == ""
}

// before holds for a directory of files of one day, <year>/<month>/<day>, that is
// over before t.
func before(dir string, t time.Time) bool {
	if len(dir) < len("/2006/01/02") {
		return false
	}
	day, err := time.Parse("/2006/01/02", dir[len(dir)-len("/2006/01/02"):])
	return err == nil && day.AddDate(0, 0, 1).Before(t)
}
