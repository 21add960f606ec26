package trail_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

const (
	account = "111122223333"
	region  = "us-west-2"
	bucket  = "amzn-s3-demo-bucket"
)

// day is the first hour of the bucket.
var day = time.Date(2026, 11, 26, 0, 0, 0, 0, time.UTC)

var signingKey = sync.OnceValue(func() *rsa.PrivateKey {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return key
})

const fingerprint = "31e8b5433410dfb61a9dc45cc65b22ff"

// bucketCopy is a directory to which a trail's bucket is copied.
type bucketCopy struct {
	t         *testing.T
	dir       string
	trail     string
	listed    []map[string]string // log files of the digest to come
	started   time.Time           // of the digest to come
	previous  map[string]any      // what the digest to come says of the one before
	last      string              // path of the newest digest
	signature string              // of the newest digest
	backlog   map[string]any      // what the backfill digest to come says of the one before
	events    int
}

func newBucket(t *testing.T) *bucketCopy {
	return &bucketCopy{t: t, dir: t.TempDir(), trail: "my_trail.1", started: day.Add(-45 * time.Minute)}
}

func (b *bucketCopy) object(service string, at time.Time, layout, rest string) string {
	return fmt.Sprintf("AWSLogs/o-exampleorgid/%s/%s/%s/%s/%s_%s_%s_%s", account, service, region, at.Format("2006/01/02"), account, service, region,
		strings.Replace(rest, "TIME", at.Format(layout), 1))
}

func (b *bucketCopy) path(object string) string {
	return filepath.Join(b.dir, filepath.FromSlash(object))
}

func (b *bucketCopy) write(object string, plain []byte) string {
	b.t.Helper()
	path := b.path(object)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		b.t.Fatal(err)
	}
	if err := os.WriteFile(path, packed(plain), 0o644); err != nil {
		b.t.Fatal(err)
	}
	return path
}

func packed(plain []byte) []byte {
	var buf bytes.Buffer
	z := gzip.NewWriter(&buf)
	_, _ = z.Write(plain)
	_ = z.Close()
	return buf.Bytes()
}

func sum(data []byte) string {
	s := sha256.Sum256(data)
	return hex.EncodeToString(s[:])
}

// event is a record with the id "<hour>:<minute>#<n>".
func (b *bucketCopy) event(at time.Time) string {
	b.events++
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"accountId":%q},"eventTime":%q,"eventSource":"outposts.amazonaws.com","eventName":"GetConnection","awsRegion":%q,"eventID":"%s#%d","readOnly":true}`,
		account, at.Format(time.RFC3339), region, at.Format("15:04"), b.events)
}

const foreign = `{"eventVersion":"1.11","eventSource":"sts.amazonaws.com","eventName":"AssumeRole"}`

// log delivers a log file with one record of ours, of a minute before, between two
// of another service, and returns its path.
func (b *bucketCopy) log(at time.Time, events ...string) string {
	b.t.Helper()
	if events == nil {
		events = []string{foreign, b.event(at.Add(-time.Minute)), foreign}
	}
	plain := []byte(`{"Records":[` + strings.Join(events, ",") + `]}`)
	object := b.object("CloudTrail", at, "20060102T1504Z", fmt.Sprintf("TIME_Mu0KsOhtH1a%05d.json.gz", b.events))
	b.listed = append(b.listed, map[string]string{
		"s3Bucket": bucket, "s3Object": object, "hashValue": sum(plain), "hashAlgorithm": "SHA-256",
		"newestEventTime": at.Format(time.RFC3339), "oldestEventTime": at.Format(time.RFC3339),
	})
	return b.write(object, plain)
}

// digest delivers a digest of the log files since the last, and returns its path.
// It ends an hour after the last.
func (b *bucketCopy) digest() string {
	b.t.Helper()
	end := b.started.Add(time.Hour)
	path := b.sign(end, "", b.listed, b.previous)
	b.started, b.listed = end, nil
	return path
}

// backfill delivers a backfill digest of the log files since the last digest, for
// the hour of that. Its signature is beside it. Backfill digests are a chain of
// their own.
func (b *bucketCopy) backfill() string { return b.backfillFor(b.started) }

func (b *bucketCopy) backfillFor(end time.Time) string {
	b.t.Helper()
	previous, last, signature := b.previous, b.last, b.signature
	path := b.sign(end, "_backfill", b.listed, b.backlog)
	b.beside()
	b.backlog = b.previous
	b.listed, b.previous, b.last, b.signature = nil, previous, last, signature
	return path
}

func (b *bucketCopy) sign(end time.Time, suffix string, listed []map[string]string, previous map[string]any) string {
	b.t.Helper()
	object := b.object("CloudTrail-Digest", end, "20060102T150405Z", b.trail+"_us-east-1_TIME"+suffix+".json.gz")
	if listed == nil {
		listed = []map[string]string{}
	}
	d := map[string]any{
		"awsAccountId": account, "digestStartTime": end.Add(-time.Hour).Format(time.RFC3339), "digestEndTime": end.Format(time.RFC3339),
		"digestS3Bucket": bucket, "digestS3Object": object, "digestPublicKeyFingerprint": fingerprint,
		"digestSignatureAlgorithm": "SHA256withRSA", "newestEventTime": nil, "oldestEventTime": nil,
		"previousDigestS3Bucket": nil, "previousDigestS3Object": nil, "previousDigestHashValue": nil,
		"previousDigestHashAlgorithm": nil, "previousDigestSignature": nil, "logFiles": listed,
	}
	maps.Copy(d, previous)
	plain, err := json.Marshal(d)
	if err != nil {
		b.t.Fatal(err)
	}
	before := "null"
	if s, ok := d["previousDigestSignature"].(string); ok {
		before = s
	}
	hash := sha256.Sum256([]byte(d["digestEndTime"].(string) + "\n" + bucket + "/" + object + "\n" + sum(plain) + "\n" + before))
	signature, err := rsa.SignPKCS1v15(rand.Reader, signingKey(), crypto.SHA256, hash[:])
	if err != nil {
		b.t.Fatal(err)
	}
	b.signature = hex.EncodeToString(signature)
	b.previous = map[string]any{
		"previousDigestS3Bucket": bucket, "previousDigestS3Object": object, "previousDigestHashValue": sum(plain),
		"previousDigestHashAlgorithm": "SHA-256", "previousDigestSignature": b.signature,
	}
	b.last = b.write(object, plain)
	return b.last
}

// beside puts the signature of the newest digest into a file beside it.
func (b *bucketCopy) beside() {
	b.t.Helper()
	if err := os.WriteFile(b.last+".sig", []byte(b.signature+"\n"), 0o644); err != nil {
		b.t.Fatal(err)
	}
}

// hours delivers, for some hours from day on, two log files an hour and a digest.
func (b *bucketCopy) hours(n int) {
	b.t.Helper()
	for h := range n {
		at := day.Add(time.Duration(h) * time.Hour)
		b.log(at.Add(5 * time.Minute))
		b.digest() // ends a quarter past
		b.log(at.Add(35 * time.Minute))
	}
}

// keys is a directory of the signing key.
func keys(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	data, err := json.Marshal(map[string]any{"PublicKeyList": []any{map[string]any{
		"Value": x509.MarshalPKCS1PublicKey(&signingKey().PublicKey), "Fingerprint": fingerprint,
		"ValidityStartTime": float64(day.AddDate(0, -1, 0).Unix()), "ValidityEndTime": "2027-03-01T12:00:00+01:00",
	}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "us-west-2.json"), data, 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

// sink keeps what it is given, in order.
type sink struct {
	records []string
	covered []cloudtrail.Coverage
	// refuse makes the next calls of either method fail from that one on; 0 is never.
	refuse int
	calls  int
}

func (s *sink) call() error {
	if s.calls++; s.refuse > 0 && s.calls >= s.refuse {
		return fmt.Errorf("refused")
	}
	return nil
}

func (s *sink) Records(_ context.Context, _ time.Time, records []cloudtrail.Record) error {
	if err := s.call(); err != nil {
		return err
	}
	for _, r := range records {
		s.records = append(s.records, r.EventID)
	}
	return nil
}

func (s *sink) Covered(_ context.Context, c cloudtrail.Coverage) error {
	if err := s.call(); err != nil {
		return err
	}
	s.covered = append(s.covered, c)
	return nil
}

// said is the newest word on each window, by its hour: "complete", or with what is
// wrong behind a colon.
func (s *sink) said() map[string]string {
	said := map[string]string{}
	for _, c := range s.covered {
		text := string(c.Completeness)
		if c.Reason != "" {
			text += ": " + c.Reason
		}
		said[c.Start.Format("15:04")] = text
	}
	return said
}

// places keeps places in memory.
type places map[string][]byte

func (p places) Place(_ context.Context, name string) ([]byte, error) { return p[name], nil }

func (p places) SetPlace(_ context.Context, name string, value []byte) error {
	p[name] = bytes.Clone(value)
	return nil
}

func newSource(t *testing.T, c trail.Config) *trail.Source {
	t.Helper()
	s, err := trail.New(c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func poll(t *testing.T, s *trail.Source, since time.Time, to *sink) {
	t.Helper()
	if err := s.Poll(t.Context(), since, to); err != nil {
		t.Fatal(err)
	}
}

// clock is a time that a test sets.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

// results are what an observer is told, in order.
type results []string

func (r *results) Read(result string) { *r = append(*r, result) }
