package cloudtrailtest_test

import (
	"bytes"
	"compress/gzip"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/google/go-cmp/cmp"
)

// written is a trail of three hours' calls, all delivered within six.
func written(t *testing.T, fault func(cloudtrailtest.TrailFile) cloudtrailtest.TrailFault) (*cloudtrailtest.Simulator, *cloudtrailtest.Trail, string) {
	t.Helper()
	sim := cloudtrailtest.New(cloudtrailtest.Config{
		Faults: cloudtrailtest.Faults{Seed: 4, Delay: cloudtrailtest.Uniform(time.Minute, 2*time.Hour)},
		Now:    func() time.Time { return start },
	})
	for i := range 180 {
		e := call(i)
		e.Completed = start.Add(time.Duration(i) * time.Minute)
		sim.Add(e)
	}
	dir := t.TempDir()
	trail := sim.Trail(cloudtrailtest.TrailConfig{Dir: dir, Start: start, Fault: fault})
	if err := trail.Write(start.Add(7 * time.Hour)); err != nil {
		t.Fatal(err)
	}
	return sim, trail, dir
}

func unpack(t *testing.T, path string) []byte {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// validate does what "aws cloudtrail validate-logs" does, and names what is wrong.
func validate(t *testing.T, sim *cloudtrailtest.Simulator, trail *cloudtrailtest.Trail, dir string) []string {
	t.Helper()
	var keys struct {
		PublicKeyList []struct {
			Value       []byte
			Fingerprint string
		}
	}
	if err := json.Unmarshal(sim.PublicKeys(), &keys); err != nil {
		t.Fatal(err)
	}
	public, err := x509.ParsePKCS1PublicKey(keys.PublicKeyList[0].Value)
	if err != nil {
		t.Fatal(err)
	}
	var faults []string
	note := func(path, fault string) { faults = append(faults, filepath.Base(path)+": "+fault) }
	listed := map[string]bool{}
	previous := map[cloudtrailtest.TrailFileKind]map[string]any{}
	for _, f := range trail.Files() {
		if f.Kind == cloudtrailtest.LogFile {
			continue
		}
		if _, err := os.Stat(f.Path); err != nil {
			note(f.Path, "missing")
			previous[f.Kind] = nil
			continue
		}
		plain := unpack(t, f.Path)
		d := decode(t, plain)
		if object := d["digestS3Object"].(string); !strings.HasSuffix(filepath.ToSlash(f.Path), object) || d["digestPublicKeyFingerprint"] != keys.PublicKeyList[0].Fingerprint {
			t.Errorf("digest %s: %s", f.Path, plain)
		}
		signature, err := os.ReadFile(f.Path + ".sig")
		if err != nil {
			t.Fatal(err)
		}
		before := "null"
		if s, ok := d["previousDigestSignature"].(string); ok {
			before = s
		}
		text := fmt.Sprintf("%s\n%s/%s\n%s\n%s", d["digestEndTime"], d["digestS3Bucket"], d["digestS3Object"], hash(plain), before)
		raw, err := hex.DecodeString(strings.TrimSpace(string(signature)))
		if err != nil {
			t.Fatal(err)
		}
		if sum := sha256.Sum256([]byte(text)); rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], raw) != nil {
			note(f.Path, "bad signature")
		}
		if p := previous[f.Kind]; p != nil && (d["previousDigestHashValue"] != p["hash"] || d["previousDigestS3Object"] != p["digestS3Object"] || before != p["signature"]) {
			note(f.Path, "is not after the one before")
		}
		d["hash"], d["signature"] = hash(plain), strings.TrimSpace(string(signature))
		previous[f.Kind] = d
		for _, entry := range d["logFiles"].([]any) {
			entry := entry.(map[string]any)
			path := filepath.Join(dir, filepath.FromSlash(entry["s3Object"].(string)))
			listed[path] = true
			if _, err := os.Stat(path); err != nil {
				note(path, "missing")
			} else if hash(unpack(t, path)) != entry["hashValue"] {
				note(path, "altered")
			}
		}
	}
	for _, f := range trail.Files() {
		if f.Kind == cloudtrailtest.LogFile && f.End.Before(start.Add(6*time.Hour)) && !listed[f.Path] {
			note(f.Path, "unlisted")
		}
	}
	slices.Sort(faults)
	return faults
}

func TestTrail(t *testing.T) {
	sim, trail, dir := written(t, nil)
	if faults := validate(t, sim, trail, dir); faults != nil {
		t.Error(faults)
	}
	var want, got []string
	for raw := range sim.Arrived("us-west-2", start, start.Add(lostInTime)) {
		want = append(want, string(raw))
	}
	digests := 0
	for _, f := range trail.Files() {
		if f.Kind != cloudtrailtest.LogFile {
			digests++
			continue
		}
		var file struct{ Records []json.RawMessage }
		if err := json.Unmarshal(unpack(t, f.Path), &file); err != nil {
			t.Fatal(err)
		}
		for _, r := range file.Records {
			got = append(got, string(r))
		}
	}
	if diff := cmp.Diff(want, got); diff != "" || len(got) != 180 {
		t.Errorf("%d records: %s", len(got), diff)
	}
	if digests != 7 {
		t.Errorf("%d digests", digests)
	}
	first := trail.Files()[0].Path
	if rel, _ := filepath.Rel(dir, first); !strings.HasPrefix(filepath.ToSlash(rel), "AWSLogs/123456789012/CloudTrail/us-west-2/2026/11/22/123456789012_CloudTrail_us-west-2_20261122T10") {
		t.Errorf("name %s", rel)
	}
}

// A trail that is written bit by bit is the same, and has no file too early.
func TestTrailGrows(t *testing.T) {
	sim, trail, _ := written(t, nil)
	dir := t.TempDir()
	slow := sim.Trail(cloudtrailtest.TrailConfig{Dir: dir, Start: start, NoSidecars: true})
	for now := start; !now.After(start.Add(7 * time.Hour)); now = now.Add(7 * time.Minute) {
		if err := slow.Write(now); err != nil {
			t.Fatal(err)
		}
		if files := slow.Files(); len(files) > 0 && files[len(files)-1].End.After(now) {
			t.Fatalf("%+v at %v", files[len(files)-1], now)
		}
	}
	name := func(f cloudtrailtest.TrailFile) string { return filepath.Base(f.Path) }
	var fast, grown []string
	for _, f := range trail.Files() {
		fast = append(fast, name(f))
	}
	for _, f := range slow.Files() {
		grown = append(grown, name(f))
	}
	if diff := cmp.Diff(fast, grown); diff != "" {
		t.Error(diff)
	}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".tmp") || strings.HasSuffix(path, ".sig") {
			err = errors.Join(err, fmt.Errorf("%s is there", path))
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestTrailFaults(t *testing.T) {
	for _, test := range []struct {
		fault cloudtrailtest.TrailFault
		kind  cloudtrailtest.TrailFileKind
		want  []string // of the file, then of the next of its kind
	}{
		{cloudtrailtest.FileAltered, cloudtrailtest.LogFile, []string{"altered"}},
		{cloudtrailtest.FileMissing, cloudtrailtest.LogFile, []string{"missing"}},
		{cloudtrailtest.Unlisted, cloudtrailtest.LogFile, []string{"unlisted"}},
		{cloudtrailtest.Backfilled, cloudtrailtest.LogFile, nil},
		{cloudtrailtest.FileMissing, cloudtrailtest.DigestFile, []string{"missing"}},
		{cloudtrailtest.FileAltered, cloudtrailtest.DigestFile, []string{"bad signature", "is not after the one before"}},
		{cloudtrailtest.BadSignature, cloudtrailtest.DigestFile, []string{"bad signature"}},
	} {
		t.Run(string(test.kind)+" "+string(test.fault), func(t *testing.T) {
			seen := 0
			sim, trail, dir := written(t, func(f cloudtrailtest.TrailFile) cloudtrailtest.TrailFault {
				if f.Kind != test.kind {
					return ""
				}
				if seen++; seen == 3 {
					return test.fault
				}
				return ""
			})
			var files []cloudtrailtest.TrailFile
			backfills := 0
			for _, f := range trail.Files() {
				if f.Kind == test.kind && (f.Fault != "" || len(files) == 1) {
					files = append(files, f)
				}
				if f.Kind == cloudtrailtest.BackfillDigest {
					backfills++
				}
			}
			var want []string
			for i, fault := range test.want {
				want = append(want, filepath.Base(files[i].Path)+": "+fault)
			}
			got := validate(t, sim, trail, dir)
			if test.kind == cloudtrailtest.DigestFile { // that does not list what it listed
				got = slices.DeleteFunc(got, func(s string) bool { return strings.HasSuffix(s, "unlisted") })
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if wantBackfills := map[bool]int{true: 1}[test.fault == cloudtrailtest.Backfilled]; backfills != wantBackfills {
				t.Errorf("%d backfill digests", backfills)
			}
		})
	}
}
