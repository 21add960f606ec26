package cloudtrailtest

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// TrailConfig says what a trail writes, and where.
type TrailConfig struct {
	Dir    string    // the bucket
	Name   string    // the trail's; "management-events" when empty
	Region string    // whose records it writes; the simulator's first when empty
	Start  time.Time // of the first digest's hour

	// Fault is asked of each file before it is written; nil is none.
	Fault func(TrailFile) TrailFault

	// NoSidecars leaves the signatures to S3's metadata, where aws s3 sync does not
	// copy them from.
	NoSidecars bool
}

// TrailFault is what goes wrong with one file.
type TrailFault string

const (
	FileAltered  TrailFault = "altered" // after it was hashed: a record or an entry is gone
	FileMissing  TrailFault = "missing"
	BadSignature TrailFault = "bad signature" // of a digest
	Backfilled   TrailFault = "backfilled"    // a log file that only a backfill digest lists, an hour later
	Unlisted     TrailFault = "unlisted"      // a log file that no digest lists
)

// TrailFileKind is what a file is.
type TrailFileKind string

const (
	LogFile        TrailFileKind = "log"
	DigestFile     TrailFileKind = "digest"
	BackfillDigest TrailFileKind = "backfill"
)

// TrailFile is a file that a trail wrote, or was kept from writing.
type TrailFile struct {
	Kind       TrailFileKind
	Path       string
	Start, End time.Time // of the deliveries that it is of
	Records    int       // or files, of a digest
	Fault      TrailFault
}

const (
	// A log file has the deliveries of five minutes, a digest the files of an hour.
	logEvery    = 5 * time.Minute
	digestEvery = time.Hour

	bucket = "gatepost-trail"
)

// Trail writes log files and their digests as CloudTrail does to an S3 bucket, the
// signature of a digest beside it as <digest>.sig. It is for one goroutine.
type Trail struct {
	sim    *Simulator
	config TrailConfig

	next     time.Time // begin of the next log file
	hour     time.Time // begin of the next digest
	listed   []logEntry
	backfill []logEntry
	chains   map[TrailFileKind]link
	files    []TrailFile
}

// link is the newest digest of a chain.
type link struct{ object, hash, signature string }

// digest has CloudTrail's names and order.
type digest struct {
	AWSAccountID     string     `json:"awsAccountId"`
	Start            string     `json:"digestStartTime"`
	End              string     `json:"digestEndTime"`
	Bucket           string     `json:"digestS3Bucket"`
	Object           string     `json:"digestS3Object"`
	Fingerprint      string     `json:"digestPublicKeyFingerprint"`
	Algorithm        string     `json:"digestSignatureAlgorithm"`
	NewestEventTime  *string    `json:"newestEventTime"`
	OldestEventTime  *string    `json:"oldestEventTime"`
	PreviousBucket   *string    `json:"previousDigestS3Bucket"`
	PreviousObject   *string    `json:"previousDigestS3Object"`
	PreviousHash     *string    `json:"previousDigestHashValue"`
	PreviousHashedBy *string    `json:"previousDigestHashAlgorithm"`
	PreviousSigned   *string    `json:"previousDigestSignature"`
	LogFiles         []logEntry `json:"logFiles"`
}

type logEntry struct {
	Bucket          string `json:"s3Bucket"`
	Object          string `json:"s3Object"`
	Hash            string `json:"hashValue"`
	HashedBy        string `json:"hashAlgorithm"`
	NewestEventTime string `json:"newestEventTime"`
	OldestEventTime string `json:"oldestEventTime"`
}

// Trail makes a trail of the simulator's deliveries from the configured start on.
func (s *Simulator) Trail(c TrailConfig) *Trail {
	c.Name = cmp.Or(c.Name, "management-events")
	c.Region = cmp.Or(c.Region, s.Region())
	start := c.Start.UTC().Truncate(digestEvery)
	return &Trail{sim: s, config: c, next: start, hour: start, chains: map[TrailFileKind]link{}}
}

// Files are what was written so far, and what would have been but for a fault.
func (t *Trail) Files() []TrailFile { return t.files }

// Write writes what is to be there at a time: the log files of the deliveries
// before it, in spans of five minutes, and the digests of the hours that are over.
func (t *Trail) Write(until time.Time) error {
	for end := t.next.Add(logEvery); !end.After(until); end = t.next.Add(logEvery) {
		// The last file of an hour arrives when it is over, in the next digest's.
		if hour := t.hour.Add(digestEvery); !end.Before(hour) {
			if err := t.writeDigests(hour); err != nil {
				return err
			}
		}
		if err := t.writeLog(end); err != nil {
			return err
		}
		t.next = end
	}
	return nil
}

func (t *Trail) writeLog(end time.Time) error {
	var records []json.RawMessage
	entry := logEntry{Bucket: bucket, HashedBy: "SHA-256"}
	for raw := range t.sim.Arrived(t.config.Region, t.next.Add(-1), end.Add(-1)) {
		records = append(records, raw)
		var r struct {
			EventTime string `json:"eventTime"`
		}
		if err := json.Unmarshal(raw, &r); err != nil {
			return fmt.Errorf("read own record: %w", err)
		}
		entry.NewestEventTime = max(entry.NewestEventTime, r.EventTime)
		if entry.OldestEventTime == "" || r.EventTime < entry.OldestEventTime {
			entry.OldestEventTime = r.EventTime
		}
	}
	if len(records) == 0 {
		return nil
	}
	entry.Object = fmt.Sprintf("AWSLogs/%s/CloudTrail/%s/%s/%s_CloudTrail_%s_%s_%s.json.gz", t.sim.account, t.config.Region,
		t.next.Format("2006/01/02"), t.sim.account, t.config.Region, t.next.Format("20060102T1504Z"), t.unique())
	f := t.fault(TrailFile{Kind: LogFile, Start: t.next, End: end, Records: len(records)}, entry.Object)
	content := logFile(records)
	entry.Hash = sum(content)
	switch f.Fault {
	case Unlisted:
	case Backfilled:
		t.backfill = append(t.backfill, entry)
	default:
		t.listed = append(t.listed, entry)
	}
	if f.Fault == FileAltered {
		content = logFile(records[1:])
	}
	return t.put(f, content)
}

// unique is the part of a log file's name that no other has.
func (t *Trail) unique() string {
	h := sha256.Sum256(fmt.Appendf(nil, "%d %s %s %s", t.sim.faults.Seed, t.config.Name, t.config.Region, t.next))
	return base32.StdEncoding.EncodeToString(h[:10])
}

func logFile(records []json.RawMessage) []byte {
	if records == nil {
		records = []json.RawMessage{}
	}
	return encode(map[string][]json.RawMessage{"Records": records})
}

// writeDigests writes the hour's digest, and one of what the hour before missed.
func (t *Trail) writeDigests(end time.Time) error {
	listed, missed := t.listed, t.backfill
	t.listed, t.backfill = nil, nil
	if err := t.writeDigest(DigestFile, end, "", listed); err != nil {
		return err
	}
	if len(missed) > 0 {
		if err := t.writeDigest(BackfillDigest, end, "_backfill", missed); err != nil {
			return err
		}
	}
	t.hour = end
	return nil
}

func (t *Trail) writeDigest(kind TrailFileKind, end time.Time, suffix string, logs []logEntry) error {
	key := t.sim.signingKey()
	d := digest{
		AWSAccountID: t.sim.account,
		Start:        t.hour.Format(time.RFC3339),
		End:          end.Format(time.RFC3339),
		Bucket:       bucket,
		Object: fmt.Sprintf("AWSLogs/%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_%s_%s_%s%s.json.gz", t.sim.account, t.config.Region,
			end.Format("2006/01/02"), t.sim.account, t.config.Region, t.config.Name, t.sim.Region(), end.Format("20060102T150405Z"), suffix),
		Fingerprint: fingerprint(&key.PublicKey),
		Algorithm:   "SHA256withRSA",
		LogFiles:    append([]logEntry{}, logs...),
	}
	for i := range logs {
		if d.NewestEventTime == nil || logs[i].NewestEventTime > *d.NewestEventTime {
			d.NewestEventTime = &logs[i].NewestEventTime
		}
		if d.OldestEventTime == nil || logs[i].OldestEventTime < *d.OldestEventTime {
			d.OldestEventTime = &logs[i].OldestEventTime
		}
	}
	signedBefore := "null"
	if previous, ok := t.chains[kind]; ok {
		d.PreviousBucket, d.PreviousObject, d.PreviousHash, d.PreviousSigned = new(bucket), &previous.object, &previous.hash, &previous.signature
		d.PreviousHashedBy = new("SHA-256")
		signedBefore = previous.signature
	}
	content := encode(d)
	hash := sum(content)
	signature, err := sign(key, d.End+"\n"+bucket+"/"+d.Object+"\n"+hash+"\n"+signedBefore)
	if err != nil {
		return fmt.Errorf("sign digest %s: %w", d.Object, err)
	}
	f := t.fault(TrailFile{Kind: kind, Start: t.hour, End: end, Records: len(logs)}, d.Object)
	switch f.Fault {
	case FileAltered:
		d.LogFiles, d.OldestEventTime = d.LogFiles[min(1, len(logs)):], new(d.Start)
		content = encode(d)
	case BadSignature:
		if signature, err = sign(key, "something else"); err != nil {
			return fmt.Errorf("sign digest %s: %w", d.Object, err)
		}
	}
	t.chains[kind] = link{d.Object, hash, signature}
	if err := t.put(f, content); err != nil {
		return err
	}
	if t.config.NoSidecars || f.Fault == FileMissing {
		return nil
	}
	if err := os.WriteFile(f.Path+".sig", []byte(signature+"\n"), 0o644); err != nil {
		return fmt.Errorf("write signature: %w", err)
	}
	return nil
}

// fault completes a file with its path and with what is to go wrong with it.
func (t *Trail) fault(f TrailFile, object string) TrailFile {
	f.Path = filepath.Join(t.config.Dir, filepath.FromSlash(object))
	if t.config.Fault != nil {
		f.Fault = t.config.Fault(f)
	}
	return f
}

// put writes a file in such a way that it is never seen half written.
func (t *Trail) put(f TrailFile, content []byte) error {
	t.files = append(t.files, f)
	if f.Fault == FileMissing {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(f.Path), 0o755); err != nil {
		return fmt.Errorf("write trail: %w", err)
	}
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(content) // to memory
	z.Close()
	if err := os.WriteFile(f.Path+".tmp", packed.Bytes(), 0o644); err != nil {
		return fmt.Errorf("write trail: %w", err)
	}
	if err := os.Rename(f.Path+".tmp", f.Path); err != nil {
		return fmt.Errorf("write trail: %w", err)
	}
	return nil
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // made here, of strings and lists
	}
	return b
}

func sum(b []byte) string {
	h := sha256.Sum256(b)
	return hex.EncodeToString(h[:])
}
