package trail_test

import (
	"crypto/md5"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

// The trail of a simulated CloudTrail, which signs with code of its own.
func TestSimulatedTrail(t *testing.T) {
	for _, tt := range []struct {
		name string
		// fault goes wrong with the log file of 03:20 or the digest that ends at four.
		file  cloudtrailtest.TrailFileKind
		fault cloudtrailtest.TrailFault
		want  map[string]string // of what is not complete
	}{
		{"nothing", cloudtrailtest.LogFile, "", nil},
		{"log file altered", cloudtrailtest.LogFile, cloudtrailtest.FileAltered, map[string]string{"02:00": "incomplete", "03:00": "incomplete"}},
		{"log file missing", cloudtrailtest.LogFile, cloudtrailtest.FileMissing, map[string]string{"02:00": "incomplete", "03:00": "incomplete"}},
		{"log file backfilled", cloudtrailtest.LogFile, cloudtrailtest.Backfilled, nil},
		{"log file in no digest", cloudtrailtest.LogFile, cloudtrailtest.Unlisted, map[string]string{"02:00": "complete-unvalidated", "03:00": "complete-unvalidated"}},
		{"digest altered", cloudtrailtest.DigestFile, cloudtrailtest.FileAltered, map[string]string{"01:00": "complete-unvalidated", "02:00": "incomplete", "03:00": "incomplete"}},
		{"digest missing", cloudtrailtest.DigestFile, cloudtrailtest.FileMissing, map[string]string{"01:00": "complete-unvalidated", "02:00": "incomplete", "03:00": "incomplete"}},
		{"digest signed badly", cloudtrailtest.DigestFile, cloudtrailtest.BadSignature, map[string]string{"01:00": "incomplete", "02:00": "incomplete", "03:00": "incomplete"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			now := day
			sim := cloudtrailtest.New(cloudtrailtest.Config{
				Faults: cloudtrailtest.Faults{Seed: 7, Delay: cloudtrailtest.Exponential(5 * time.Minute), OtherServices: 0.3},
				Now:    func() time.Time { return now },
			})
			for ; now.Before(day.Add(8 * time.Hour)); now = now.Add(2 * time.Minute) {
				sim.Add(cloudtrailtest.Event{Operation: "GetConnection", ReadOnly: true, RequestID: fmt.Sprint(now.Unix())})
			}
			dir := t.TempDir()
			written := sim.Trail(cloudtrailtest.TrailConfig{Dir: dir, Start: day, Fault: func(f cloudtrailtest.TrailFile) cloudtrailtest.TrailFault {
				hour := day.Add(3 * time.Hour)
				if f.Kind == tt.file && (f.Kind == cloudtrailtest.LogFile && f.Start.Equal(hour.Add(20*time.Minute)) || f.Kind == cloudtrailtest.DigestFile && f.Start.Equal(hour)) {
					return tt.fault
				}
				return ""
			}})
			if err := written.Write(day.Add(10 * time.Hour)); err != nil {
				t.Fatal(err)
			}

			der := x509.MarshalPKCS1PublicKey(sim.PublicKey())
			print := md5.Sum(der)
			list, err := json.Marshal(map[string]any{"PublicKeyList": []any{map[string]any{"Value": der, "Fingerprint": hex.EncodeToString(print[:])}}})
			if err != nil {
				t.Fatal(err)
			}
			keys := t.TempDir()
			newBucket(t).put(filepath.Join(keys, "keys.json"), list)

			c := &clock{day.Add(10 * time.Hour)}
			s := newSource(t, trail.Config{Paths: []string{dir}, Keys: keys, SettleAfter: time.Hour, Offline: true, Now: c.Now})
			to := &sink{}
			poll(t, s, time.Time{}, to)
			got := map[string]string{}
			for hour, text := range to.said() {
				if completeness, _, _ := strings.Cut(text, ":"); completeness != "complete" && hour < "07:00" {
					got[hour] = completeness
				}
			}
			if tt.want == nil {
				tt.want = map[string]string{}
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("not complete (-want +got):\n%s\n%v", diff, to.said())
			}
			if tt.fault != "" && tt.fault != cloudtrailtest.Backfilled {
				return
			}
			want := 0
			for raw := range sim.Arrived(cloudtrailtest.DefaultRegion, day.Add(-1), day.Add(10*time.Hour)) {
				if strings.Contains(string(raw), "outposts.amazonaws.com") {
					want++
				}
			}
			slices.Sort(to.records)
			if n := len(slices.Compact(to.records)); n != 240 || len(to.records) > want {
				t.Errorf("%d records, want 240", n)
			}
		})
	}
}
