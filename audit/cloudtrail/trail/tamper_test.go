package trail_test

import (
	"bytes"
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// find returns the file whose base name has all of parts.
func (b *bucketCopy) find(parts ...string) string {
	b.t.Helper()
	var found []string
	err := filepath.WalkDir(b.dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		for _, part := range parts {
			if !strings.Contains(filepath.Base(path), part) {
				return nil
			}
		}
		found = append(found, path)
		return nil
	})
	if err != nil || len(found) != 1 {
		b.t.Fatalf("files with %q: %q, %v", parts, found, err)
	}
	return found[0]
}

func (b *bucketCopy) remove(parts ...string) {
	b.t.Helper()
	if err := os.Remove(b.find(parts...)); err != nil {
		b.t.Fatal(err)
	}
}

// edit changes what a file holds, uncompressed.
func (b *bucketCopy) edit(path string, change func(string) string) {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	z, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		b.t.Fatal(err)
	}
	plain, err := io.ReadAll(z)
	if err != nil {
		b.t.Fatal(err)
	}
	changed := change(string(plain))
	if changed == string(plain) {
		b.t.Fatalf("nothing to change in %s", path)
	}
	b.put(path, packed([]byte(changed)))
}

func (b *bucketCopy) put(path string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(path, data, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bucketCopy) head(path string, n int) {
	b.t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	b.put(path, data[:n])
}

// Eight hours of a trail, with log files at :05 and :35 and digests at :15, and
// what is to be said of the first six once something was done to them. Hours that
// are not named are complete.
func TestTampering(t *testing.T) {
	const digestName = "CloudTrail-Digest"
	shuffle := func(b *bucketCopy, from, to string) {
		data, err := os.ReadFile(b.find(digestName, from))
		if err != nil {
			t.Fatal(err)
		}
		b.put(b.find(digestName, to), data)
	}
	for _, tt := range []struct {
		name string
		do   func(b *bucketCopy)
		want map[string]string
	}{
		{"nothing", func(*bucketCopy) {}, nil},
		{"a log file compressed anew", func(b *bucketCopy) {
			path := b.find("CloudTrail_", "T0335Z")
			b.edit(path, func(s string) string { return s + "\n" })
			b.edit(path, func(s string) string { return strings.TrimSpace(s) })
		}, nil},
		{"a log file uncompressed", func(b *bucketCopy) {
			path := b.find("CloudTrail_", "T0335Z")
			data, _ := os.ReadFile(path)
			z, _ := gzip.NewReader(bytes.NewReader(data))
			plain, _ := io.ReadAll(z)
			b.put(strings.TrimSuffix(path, ".gz"), plain)
			_ = os.Remove(path)
		}, nil},
		{"a log file in another directory", func(b *bucketCopy) {
			path := b.find("CloudTrail_", "T0335Z")
			_ = os.Rename(path, filepath.Join(b.dir, filepath.Base(path)))
		}, nil},
		{"a log file deleted", func(b *bucketCopy) { b.remove("CloudTrail_", "T0335Z") },
			map[string]string{"02:00": "incomplete: T0335Z is missing", "03:00": "incomplete: T0335Z is missing"}},
		{"a log file altered", func(b *bucketCopy) {
			b.edit(b.find("CloudTrail_", "T0335Z"), func(s string) string { return strings.Replace(s, "AssumeRole", "AssumeRola", 1) })
		}, map[string]string{"02:00": "incomplete: T0335Z altered", "03:00": "incomplete: T0335Z altered"}},
		{"an altered copy of a log file", func(b *bucketCopy) {
			path := b.find("CloudTrail_", "T0335Z")
			b.put(filepath.Join(b.dir, filepath.Base(path)), packed([]byte(`{"Records":[]}`)))
		}, map[string]string{"02:00": "incomplete: altered", "03:00": "incomplete: altered"}},
		{"a log file cut off", func(b *bucketCopy) { b.head(b.find("CloudTrail_", "T0335Z"), 60) },
			map[string]string{"02:00": "incomplete: T0335Z unexpected EOF", "03:00": "incomplete: unexpected EOF"}},
		{"a log file emptied", func(b *bucketCopy) { b.head(b.find("CloudTrail_", "T0335Z"), 0) },
			map[string]string{"02:00": "incomplete: T0335Z", "03:00": "incomplete: T0335Z"}},
		{"a log file not in any digest", func(b *bucketCopy) {
			b.log(day.Add(3*time.Hour + 40*time.Minute))
		}, map[string]string{"02:00": "complete-unvalidated: T0340Z in no digest", "03:00": "complete-unvalidated: T0340Z in no digest"}},
		{"a log file in a backfill digest", func(b *bucketCopy) {
			b.listed = nil
			b.log(day.Add(3*time.Hour + 40*time.Minute))
			b.backfill()
		}, nil},
		{"a log file of a backfill digest deleted", func(b *bucketCopy) {
			b.listed = nil
			path := b.log(day.Add(3*time.Hour + 40*time.Minute))
			b.backfill()
			_ = os.Remove(path)
		}, map[string]string{"02:00": "incomplete: T0340Z is missing", "03:00": "incomplete: T0340Z is missing"}},
		{"a backfill digest without a signature", func(b *bucketCopy) {
			b.listed = nil
			b.log(day.Add(3*time.Hour + 40*time.Minute))
			_ = os.Remove(b.backfill() + ".sig")
		}, map[string]string{"02:00": "complete-unvalidated: backfill signature is not known", "03:00": "complete-unvalidated: backfill signature is not known"}},
		{"a backfill digest altered", func(b *bucketCopy) {
			b.listed = nil
			b.log(day.Add(3*time.Hour + 40*time.Minute))
			b.edit(b.backfill(), func(s string) string { return strings.Replace(s, bucket, "b", 1) })
		}, map[string]string{"02:00": "incomplete: backfill signature is bad", "03:00": "incomplete: backfill signature is bad"}},

		{"backfill digests of other hours, as they were made", func(b *bucketCopy) {
			b.listed = nil
			for _, hour := range []time.Duration{4, 2, 3} {
				b.log(day.Add(hour*time.Hour + 40*time.Minute))
				b.backfillFor(day.Add(hour*time.Hour + 75*time.Minute))
			}
		}, nil},
		{"a signature of a backfill digest is in the next one", func(b *bucketCopy) {
			b.listed = nil
			for _, hour := range []time.Duration{4, 2, 3} {
				b.log(day.Add(hour*time.Hour + 40*time.Minute))
				if path := b.backfillFor(day.Add(hour*time.Hour + 75*time.Minute)); hour == 4 {
					_ = os.Remove(path + ".sig")
				}
			}
		}, nil},
		{"a backfill digest deleted, with what it lists", func(b *bucketCopy) {
			b.listed = nil
			for _, hour := range []time.Duration{3, 1} {
				path := b.log(day.Add(hour*time.Hour + 40*time.Minute))
				digest := b.backfillFor(day.Add(hour*time.Hour + 75*time.Minute))
				if hour == 3 {
					_ = os.Remove(path)
					_ = os.Remove(digest)
				}
			}
		}, map[string]string{"00:00": "incomplete: T041500Z_backfill is missing", "01:00": "incomplete: T041500Z_backfill is missing", "02:00": "incomplete: T041500Z_backfill is missing", "03:00": "incomplete: T041500Z_backfill is missing", "04:00": "incomplete: T041500Z_backfill is missing"}},
		{"a backfill digest altered, and its signature gone", func(b *bucketCopy) {
			b.listed = nil
			for _, hour := range []time.Duration{3, 1} {
				b.log(day.Add(hour*time.Hour + 40*time.Minute))
				digest := b.backfillFor(day.Add(hour*time.Hour + 75*time.Minute))
				if hour == 3 {
					b.edit(digest, func(s string) string { return strings.Replace(s, `"newestEventTime":null`, `"newestEventTime":""`, 1) })
					_ = os.Remove(digest + ".sig")
				}
			}
		}, map[string]string{"02:00": "incomplete: T041500Z_backfill is not what the next one says", "03:00": "incomplete: T041500Z_backfill is not what the next one says"}},

		{"a digest deleted", func(b *bucketCopy) { b.remove(digestName, "T041500Z") }, map[string]string{
			"01:00": "complete-unvalidated: T031500Z not known", // what told its signature is gone
			"02:00": "incomplete: T041500Z is missing", "03:00": "incomplete: T041500Z is missing", "04:00": "incomplete: T041500Z is missing",
		}},
		{"two digests in a row deleted", func(b *bucketCopy) {
			b.remove(digestName, "T031500Z")
			b.remove(digestName, "T041500Z")
		}, map[string]string{
			"00:00": "complete-unvalidated: T021500Z not known",
			"01:00": "incomplete: T041500Z is missing from 2026-11-26T02:15:00Z to 2026-11-26T04:15:00Z", "02:00": "incomplete: is missing", "03:00": "incomplete: is missing", "04:00": "incomplete: is missing",
		}},
		{"three digests in a row deleted", func(b *bucketCopy) {
			for _, at := range []string{"T021500Z", "T031500Z", "T041500Z"} {
				b.remove(digestName, at)
			}
		}, map[string]string{
			"00:00": "incomplete: is missing", "01:00": "incomplete: is missing",
			"02:00": "incomplete: is missing", "03:00": "incomplete: is missing", "04:00": "incomplete: is missing",
		}},
		{"the first digests deleted", func(b *bucketCopy) {
			b.remove(digestName, "T001500Z")
			b.remove(digestName, "T011500Z")
		}, map[string]string{"00:00": "incomplete: T011500Z is missing", "01:00": "incomplete: T011500Z is missing"}},
		{"the last digests deleted", func(b *bucketCopy) {
			for _, at := range []string{"T031500Z", "T041500Z", "T051500Z", "T061500Z", "T071500Z", "T081500Z.json.gz.sig", "T081500Z"} {
				b.remove(digestName, at)
			}
		}, map[string]string{
			"00:00": "provisional: T021500Z comes with the next",
			"01:00": "incomplete: no digest from 2026-11-26T02:15:00Z", "02:00": "incomplete: no digest", "03:00": "incomplete: no digest", "04:00": "incomplete: no digest", "05:00": "incomplete: no digest",
		}},
		{"a digest altered", func(b *bucketCopy) {
			b.edit(b.find(digestName, "T041500Z"), func(s string) string { return strings.Replace(s, `"hashValue":"`, `"hashValue":"0`, 1) })
		}, map[string]string{"02:00": "incomplete: altered", "03:00": "incomplete: altered", "04:00": "incomplete: T041500Z altered"}},
		{"a log file and its digest altered, and the next digest to fit", func(b *bucketCopy) {
			log, digest := b.find("CloudTrail_", "T0335Z"), b.find(digestName, "T041500Z")
			var logs, digests [2]string
			b.edit(log, func(s string) string {
				changed := `{"Records":[]}`
				logs = [2]string{sum([]byte(s)), sum([]byte(changed))}
				return changed
			})
			b.edit(digest, func(s string) string {
				changed := strings.Replace(s, logs[0], logs[1], 1)
				digests = [2]string{sum([]byte(s)), sum([]byte(changed))}
				return changed
			})
			b.edit(b.find(digestName, "T051500Z"), func(s string) string { return strings.Replace(s, digests[0], digests[1], 1) })
		}, map[string]string{
			"02:00": "incomplete: T041500Z signature is bad", "03:00": "incomplete: T041500Z signature is bad",
			"04:00": "incomplete: T041500Z signature is bad", "05:00": "incomplete: T051500Z is not what the next one says",
		}},
		{"a digest cut off", func(b *bucketCopy) { b.head(b.find(digestName, "T041500Z"), 100) }, map[string]string{
			"01:00": "complete-unvalidated: T031500Z not known",
			"02:00": "incomplete: T041500Z unexpected EOF", "03:00": "incomplete: T041500Z unexpected EOF", "04:00": "incomplete: T041500Z unexpected EOF",
		}},
		{"another digest in its place", func(b *bucketCopy) { shuffle(b, "T021500Z", "T041500Z") }, map[string]string{
			"01:00": "complete-unvalidated: T031500Z not known",
			"02:00": "incomplete: T041500Z is not this one", "03:00": "incomplete: is not this one", "04:00": "incomplete: is not this one",
		}},
		{"another signature beside a digest", func(b *bucketCopy) {
			b.put(b.find(digestName, "T041500Z")+".sig", []byte(b.signature))
		}, map[string]string{"02:00": "incomplete: another signature", "03:00": "incomplete: another signature", "04:00": "incomplete: another signature"}},
		{"a record that cannot be read", func(b *bucketCopy) {
			b.listed = nil
			b.log(day.Add(3*time.Hour+40*time.Minute), strings.Replace(b.event(day), "1.11", "2.0", 1), b.event(day))
			b.backfill()
		}, map[string]string{"02:00": "incomplete: T0340Z 2.0", "03:00": "incomplete: T0340Z 2.0"}},
		{"digests of a second trail, stopped since", func(b *bucketCopy) {
			second := &bucketCopy{t: t, dir: b.dir, trail: "second", started: day.Add(-105 * time.Minute)}
			for range 3 {
				second.digest()
			}
			second.beside()
		}, nil},
		{"digests of a second trail that name a file that is missing", func(b *bucketCopy) {
			second := &bucketCopy{t: t, dir: b.dir, trail: "second", started: day.Add(-45 * time.Minute), events: 500}
			_ = os.Remove(second.log(day.Add(5 * time.Minute)))
			second.digest()
		}, map[string]string{"00:00": "incomplete: T0005Z is missing"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t)
			b.hours(8)
			b.digest()
			b.beside()
			tt.do(b)
			c := &clock{day.Add(10 * time.Hour)}
			for _, offline := range []bool{true, false} {
				s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Offline: offline, Now: c.Now})
				to := &sink{}
				poll(t, s, day, to)
				if !offline {
					c.now = c.now.Add(time.Hour)
					poll(t, s, day, to)
				}
				said := to.said()
				for h := range 6 {
					hour := fmt.Sprintf("%02d:00", h)
					want := strings.Fields(strings.ReplaceAll(tt.want[hour], ":", ""))
					if tt.want[hour] == "" {
						if said[hour] != "complete" {
							t.Errorf("offline %v, %s: %q, want complete", offline, hour, said[hour])
						}
						continue
					}
					for _, word := range want {
						if !strings.Contains(strings.ReplaceAll(said[hour], ":", ""), word) {
							t.Errorf("offline %v, %s: %q, want %q", offline, hour, said[hour], tt.want[hour])
							break
						}
					}
					if !strings.HasPrefix(said[hour], strings.SplitAfter(tt.want[hour], ":")[0]) {
						t.Errorf("offline %v, %s: %q, want %q", offline, hour, said[hour], tt.want[hour])
					}
				}
			}
		})
	}
}

// A log file can be in a digest of deliveries that began after the minute in its
// name. Of the windows before, too, that digest is evidence only if it is genuine.
func TestListedLate(t *testing.T) {
	for _, altered := range []bool{false, true} {
		b := newBucket(t)
		for range 6 {
			b.digest() // to a quarter past five
		}
		path := b.log(day.Add(4*time.Hour + 55*time.Minute))
		digest := b.digest()
		for range 2 {
			b.digest()
		}
		b.beside()
		if altered {
			var from, to string
			b.edit(path, func(s string) string {
				changed := `{"Records":[]}`
				from, to = sum([]byte(s)), sum([]byte(changed))
				return changed
			})
			b.edit(digest, func(s string) string { return strings.Replace(s, from, to, 1) })
		}
		s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Offline: true, Now: (&clock{day.Add(9 * time.Hour)}).Now})
		to := &sink{}
		poll(t, s, day, to)
		for _, hour := range []string{"03:00", "04:00"} {
			if got := to.said()[hour]; strings.HasPrefix(got, "incomplete: digest") != altered || !altered && got != "complete" {
				t.Errorf("altered %v: %s is %q", altered, hour, got)
			}
		}
	}
}

// The newest digest's signature can stand beside it, in two forms.
func TestSignatureBeside(t *testing.T) {
	for name, write := range map[string]func(b *bucketCopy){
		"hexadecimal": func(b *bucketCopy) { b.beside() },
		"head-object": func(b *bucketCopy) {
			b.put(b.last+".metadata.json", fmt.Appendf(nil, `{"ContentType":"application/json","Metadata":{"signature":%q,"signature-algorithm":"SHA256withRSA"}}`, b.signature))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			b.log(day.Add(5 * time.Minute))
			for range 4 {
				b.digest()
			}
			c := &clock{day.Add(4 * time.Hour)}
			s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: keys(t), Now: c.Now})
			to := &sink{}
			poll(t, s, day, to)
			if got := to.said()["00:00"]; !strings.HasPrefix(got, "complete") {
				t.Fatalf("00:00 is %q", got)
			}
			if got := to.said()["01:00"]; !strings.HasPrefix(got, "provisional: the signature") {
				t.Errorf("01:00 is %q before", got)
			}
			write(b)
			poll(t, s, day, to)
			if got := to.said()["01:00"]; got != "complete" {
				t.Errorf("01:00 is %q with the signature", got)
			}
		})
	}
}

func TestKeys(t *testing.T) {
	list := func(key *rsa.PublicKey, fingerprint, end string) map[string]any {
		return map[string]any{"PublicKeyList": []any{map[string]any{
			"Value": x509.MarshalPKCS1PublicKey(key), "Fingerprint": fingerprint,
			"ValidityStartTime": "2026-01-01T00:00:00+00:00", "ValidityEndTime": end,
		}}}
	}
	another, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	right := &signingKey().PublicKey
	const later = "2027-01-01T00:00:00Z"
	for _, tt := range []struct {
		name string
		keys any
		want string
	}{
		{"the right one", list(right, fingerprint, later), "complete"},
		{"in capitals", list(right, strings.ToUpper(fingerprint), later), "complete"},
		{"rotated within the hour", list(right, fingerprint, "2026-11-26T01:00:00Z"), "complete"},
		{"another of that fingerprint", list(&another.PublicKey, fingerprint, later), "incomplete: digest 111122223333_CloudTrail-Digest_us-west-2_my_trail.1_us-east-1_20261126T001500Z: the signature is bad"},
		{"another one", list(right, "00", later), `complete-unvalidated: digest 111122223333_CloudTrail-Digest_us-west-2_my_trail.1_us-east-1_20261126T001500Z: no public key with fingerprint "31e8b5433410dfb61a9dc45cc65b22ff"`},
		{"one that had ended", list(right, fingerprint, "2026-11-25T00:00:00Z"), "incomplete: digest 111122223333_CloudTrail-Digest_us-west-2_my_trail.1_us-east-1_20261126T001500Z: the signature is bad: the key 31e8b5433410dfb61a9dc45cc65b22ff was not valid then"},
		{"none", nil, "complete-unvalidated: signatures are not checked: no public keys are configured"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := newBucket(t)
			b.log(day.Add(5 * time.Minute))
			for range 4 {
				b.digest()
			}
			config := trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Offline: true, Now: (&clock{day.Add(4 * time.Hour)}).Now}
			if tt.keys != nil {
				config.Keys = t.TempDir()
				data, err := json.Marshal(tt.keys)
				if err != nil {
					t.Fatal(err)
				}
				b.put(filepath.Join(config.Keys, "keys.json"), data)
			}
			to := &sink{}
			poll(t, newSource(t, config), day, to)
			if diff := cmp.Diff(tt.want, to.said()["00:00"]); diff != "" {
				t.Errorf("00:00 (-want +got):\n%s", diff)
			}
		})
	}
}

// A key that is added makes what it signed complete.
func TestKeyAdded(t *testing.T) {
	b := newBucket(t)
	b.hours(4)
	b.digest()
	dir := t.TempDir()
	another, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(map[string]any{"PublicKeyList": []any{map[string]any{"Value": x509.MarshalPKCS1PublicKey(&another.PublicKey), "Fingerprint": "00"}}})
	if err != nil {
		t.Fatal(err)
	}
	b.put(filepath.Join(dir, "first.json"), data)
	s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: dir, Now: (&clock{day.Add(8 * time.Hour)}).Now})
	to := &sink{}
	poll(t, s, day, to)
	if got := to.said()["01:00"]; !strings.HasPrefix(got, "complete-unvalidated: digest") {
		t.Errorf("01:00 is %q", got)
	}
	if data, err = os.ReadFile(filepath.Join(keys(t), "us-west-2.json")); err != nil {
		t.Fatal(err)
	}
	b.put(filepath.Join(dir, "second.json"), data)
	poll(t, s, day, to)
	if got := to.said()["01:00"]; got != "complete" {
		t.Errorf("01:00 is %q with the key", got)
	}
}

func TestKeysRefused(t *testing.T) {
	for name, data := range map[string]string{
		"no file":      "",
		"not JSON":     "key",
		"no keys":      `{"PublicKeyList":[]}`,
		"not a key":    `{"PublicKeyList":[{"Value":"AAAA","Fingerprint":"00"}]}`,
		"not a time":   `{"PublicKeyList":[{"Value":"AAAA","ValidityEndTime":"soon"}]}`,
		"not base64":   `{"PublicKeyList":[{"Value":"*"}]}`,
		"another form": `[]`,
	} {
		t.Run(name, func(t *testing.T) {
			b := newBucket(t)
			b.log(day.Add(5 * time.Minute))
			dir := t.TempDir()
			if data != "" {
				b.put(filepath.Join(dir, "k.json"), []byte(data))
			}
			s := newSource(t, trail.Config{Paths: []string{b.dir}, SettleAfter: time.Hour, Keys: dir})
			err := s.Poll(t.Context(), day, &sink{})
			if err == nil || !strings.Contains(err.Error(), "public keys") {
				t.Errorf("error %v", err)
			}
			if status := s.Status(); status.OK || status.Reason == "" {
				t.Errorf("status %+v", status)
			}
		})
	}
}
