package trail_test

import (
	"path"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/trail"
)

func TestParseName(t *testing.T) {
	at := time.Date(2026, 11, 26, 1, 5, 0, 0, time.UTC)
	end := time.Date(2026, 11, 26, 1, 15, 31, 0, time.UTC)
	for _, tt := range []struct {
		path string
		want trail.Name
	}{
		{"AWSLogs/111122223333/CloudTrail/us-west-2/2026/11/26/111122223333_CloudTrail_us-west-2_20261126T0105Z_Mu0KsOhtH1ar15ZZ.json.gz",
			trail.Name{Kind: "log", Base: "111122223333_CloudTrail_us-west-2_20261126T0105Z_Mu0KsOhtH1ar15ZZ", Account: "111122223333", Region: "us-west-2", Time: at}},
		{"111122223333_CloudTrail_us-gov-west-1_20261126T0105Z_a_b.json",
			trail.Name{Kind: "log", Base: "111122223333_CloudTrail_us-gov-west-1_20261126T0105Z_a_b", Account: "111122223333", Region: "us-gov-west-1", Time: at}},
		{"p/AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-west-2/2026/11/26/111122223333_CloudTrail-Digest_us-west-2_my_own_trail_us-east-1_20261126T011531Z.json.gz",
			trail.Name{Kind: "digest", Base: "111122223333_CloudTrail-Digest_us-west-2_my_own_trail_us-east-1_20261126T011531Z", Account: "111122223333", Region: "us-west-2", Trail: "my_own_trail_us-east-1", Time: end}},
		{"111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z_backfill.json.gz",
			trail.Name{Kind: "backfill", Base: "111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z_backfill", Account: "111122223333", Region: "us-west-2", Trail: "t_us-east-1", Time: end}},
		{"111122223333_CloudTrail-Digest_us-west-2_x_backfill_us-east-1_20261126T011531Z.json.gz",
			trail.Name{Kind: "digest", Base: "111122223333_CloudTrail-Digest_us-west-2_x_backfill_us-east-1_20261126T011531Z", Account: "111122223333", Region: "us-west-2", Trail: "x_backfill_us-east-1", Time: end}},
		{"111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z.json.gz.sig",
			trail.Name{Kind: "signature", Base: "111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z", Account: "111122223333", Region: "us-west-2", Trail: "t_us-east-1", Time: end}},
		{"111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z.json.gz.metadata.json",
			trail.Name{Kind: "signature", Base: "111122223333_CloudTrail-Digest_us-west-2_t_us-east-1_20261126T011531Z", Account: "111122223333", Region: "us-west-2", Trail: "t_us-east-1", Time: end}},
		{"111122223333_CloudTrail_us-west-2_20261126T0105Z_x.json.gz.sig", trail.Name{Kind: "other"}},
		{"111122223333_CloudTrail-Insight_us-west-2_20261126T0105Z_x.json.gz", trail.Name{Kind: "other"}},
		{"111122223333_CloudTrail_us-west-2_20261126T0105Z_x.json.gz.Ab12Cd34", trail.Name{Kind: "other"}},
		{"readme.txt", trail.Name{Kind: "other"}},
		{".json.gz", trail.Name{Kind: "other"}},
		{"", trail.Name{Kind: "other"}},
		{"events.json", trail.Name{Kind: "stray", Base: "events"}},
		{"1111_CloudTrail_us-west-2_20261126T0105Z_x.json.gz", trail.Name{Kind: "stray", Base: "1111_CloudTrail_us-west-2_20261126T0105Z_x"}},
		{"111122223333_CloudTrail_us-west-2_20261326T0105Z_x.json.gz", trail.Name{Kind: "stray", Base: "111122223333_CloudTrail_us-west-2_20261326T0105Z_x"}},
		{"111122223333_CloudTrail_us-west-2_20261126T0105Z.json.gz", trail.Name{Kind: "stray", Base: "111122223333_CloudTrail_us-west-2_20261126T0105Z"}},
		{"111122223333_CloudTrail-Digest_us-west-2_20261126T011531Z.json.gz", trail.Name{Kind: "stray", Base: "111122223333_CloudTrail-Digest_us-west-2_20261126T011531Z"}},
	} {
		t.Run(path.Base(tt.path), func(t *testing.T) {
			if diff := cmp.Diff(tt.want, trail.ParseName(tt.path)); diff != "" {
				t.Errorf("name (-want +got):\n%s", diff)
			}
		})
	}
}

func TestBeforeDay(t *testing.T) {
	for dir, want := range map[string]bool{
		"/d/AWSLogs/1/CloudTrail/us-west-2/2026/11/24": true,
		"/d/AWSLogs/1/CloudTrail/us-west-2/2026/11/25": false, // it ends when the day begins
		"/d/AWSLogs/1/CloudTrail/us-west-2/2026/11/26": false,
		"/d/AWSLogs/1/CloudTrail/us-west-2/2026/11":    false,
		"/d/2026/11/24/x": false,
		"/d/2026/13/24":   false,
		"":                false,
	} {
		if got := trail.BeforeDay(dir, day); got != want {
			t.Errorf("%q: %v", dir, got)
		}
	}
}

func TestParseDigest(t *testing.T) {
	const name = "111122223333_CloudTrail-Digest_us-east-2_your-trail-name_us-east-2_20150817T150131Z.json.gz"
	const object = "AWSLogs/111122223333/CloudTrail-Digest/us-east-2/2015/08/17/" + name
	const whole = `{"awsAccountId":"111122223333","digestStartTime":"2015-08-17T14:01:31Z","digestEndTime":"2015-08-17T15:01:31Z","digestS3Bucket":"amzn-s3-demo-bucket","digestS3Object":"` + object + `","digestPublicKeyFingerprint":"31e8b5433410dfb61a9dc45cc65b22ff","digestSignatureAlgorithm":"SHA256withRSA","newestEventTime":"2015-08-17T14:52:27Z","oldestEventTime":"2015-08-17T14:42:27Z","previousDigestS3Bucket":"amzn-s3-demo-bucket","previousDigestS3Object":"p","previousDigestHashValue":"97fb","previousDigestHashAlgorithm":"SHA-256","previousDigestSignature":"50887ccf","logFiles":[{"s3Bucket":"amzn-s3-demo-bucket","s3Object":"x","hashValue":"9bb6","hashAlgorithm":"SHA-256","newestEventTime":"2015-08-17T14:52:27Z","oldestEventTime":"2015-08-17T14:42:27Z"}]}`
	for _, tt := range []struct{ name, from, to, want string }{
		{"as AWS shows one", "", "", "2015-08-17T15:01:31Z\namzn-s3-demo-bucket/" + object + "\nsum\n50887ccf"},
		{"the first of a chain", `"50887ccf"`, `null`, "2015-08-17T15:01:31Z\namzn-s3-demo-bucket/" + object + "\nsum\nnull"},
		{"of another name", "20150817T150131Z.json", "20150817T160131Z.json", "error: the digest is not this one"},
		{"of another account", `"awsAccountId":"111122223333"`, `"awsAccountId":"444455556666"`, `error: the digest is account "444455556666"'s`},
		{"of another time", `"digestEndTime":"2015-08-17T15`, `"digestEndTime":"2015-08-17T16`, "error: the digest ends at 2015-08-17T16:01:31Z"},
		{"that ends at no time", `"digestEndTime":"2015-08-17T15:01:31Z"`, `"digestEndTime":"x"`, `error: read digest: digestEndTime "x" is not a time`},
		{"that starts at no time", `"digestStartTime":"2015-08-17T14:01:31Z"`, `"digestStartTime":"x"`, "error: read digest: parsing time"},
		{"without a start", `"digestStartTime":"2015-08-17T14:01:31Z"`, `"digestStartTime":null`, "error: the digest has no digestStartTime"},
		{"without a length", `"digestStartTime":"2015-08-17T14:01:31Z"`, `"digestStartTime":"2015-08-17T15:01:31Z"`, "error: the digest ends before it starts"},
		{"cut off", `}]}`, ``, "error: read digest: unexpected end"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := trail.ParseDigest([]byte(strings.Replace(whole, tt.from, tt.to, 1)), object)
			if err != nil {
				got = "error: " + err.Error()
			}
			if !strings.HasPrefix(got, tt.want) {
				t.Errorf("%q, want %q", got, tt.want)
			}
		})
	}
}

func FuzzParseName(f *testing.F) {
	f.Add("AWSLogs/111122223333/CloudTrail/us-west-2/2026/11/26/111122223333_CloudTrail_us-west-2_20261126T0105Z_Mu0KsOhtH1ar15ZZ.json.gz")
	f.Add("111122223333_CloudTrail-Digest_us-west-2_my_own_trail_us-east-1_20261126T011531Z_backfill.json.gz.sig")
	f.Fuzz(func(t *testing.T, p string) {
		n := trail.ParseName(p)
		if n.Kind == "other" {
			return
		}
		if n.Base == "" || !strings.HasPrefix(path.Base(p), n.Base) {
			t.Errorf("%q has the base %q", p, n.Base)
		}
		if known := n.Kind != "stray"; known != (len(n.Account) == 12 && n.Region != "" && !n.Time.IsZero()) {
			t.Errorf("%q is %+v", p, n)
		}
		if moved := trail.ParseName("x/" + path.Base(p)); moved != n {
			t.Errorf("%q is %+v in another directory", p, moved)
		}
	})
}

func FuzzParseDigest(f *testing.F) {
	const name = "111122223333_CloudTrail-Digest_us-east-2_t_us-east-2_20150817T150131Z.json.gz"
	f.Add([]byte(`{"awsAccountId":"111122223333","digestStartTime":"2015-08-17T14:01:31Z","digestEndTime":"2015-08-17T15:01:31Z","digestS3Bucket":"b","digestS3Object":"` + name + `","previousDigestSignature":null,"logFiles":[{"s3Object":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if signed, err := trail.ParseDigest(data, name); err == nil && !strings.Contains(signed, "/") {
			t.Errorf("of %q is signed %q", data, signed)
		}
	})
}
