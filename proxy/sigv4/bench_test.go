package sigv4_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

const emptyHash = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

// sdkGet is a GetConnection as AWS's Go SDK sends it.
func sdkGet() sigv4.Request {
	return signed(sigv4.Request{
		Method: "GET", Path: "/connections/aB%2B%2Fc9%3D%3D",
		Fields: []sigv4.Field{
			{"Host", testHost},
			{"Amz-Sdk-Invocation-Id", "3b1bd5dd-0f3f-4656-82c8-89af0d630c10"},
			{"Amz-Sdk-Request", "attempt=1; max=3"},
			{"User-Agent", "aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/outposts#1.60.2 m/E,g"},
		},
	})
}

func BenchmarkVerify(b *testing.B) {
	get := sdkGet()
	get.Fields = append(get.Fields, sigv4.Field{"Accept-Encoding", "gzip"})
	v := testVerifier()
	key := sigv4.DeriveKey(testSecret, testDay, testRegion, "outposts")

	b.Run("gatepost", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			claim, err := v.Parse(&get)
			if err != nil || !claim.Verify(key) {
				b.Fatal(err)
			}
		}
	})
	b.Run("gatepost/parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if claim, err := v.Parse(&get); err != nil || !claim.Verify(key) {
					b.Error(err)
					return
				}
			}
		})
	})
	b.Run("gatepost/query", func(b *testing.B) {
		list := signed(sigv4.Request{
			Method: "GET", Path: "/outposts", Query: "LifeCycleStatusFilter=ACTIVE&MaxResults=100&NextToken=1%23%23abc",
			Fields: []sigv4.Field{{"Host", testHost}},
		})
		b.ReportAllocs()
		for b.Loop() {
			claim, err := v.Parse(&list)
			if err != nil || !claim.Verify(key) {
				b.Fatal(err)
			}
		}
	})
	// The other way to verify: sign again with AWS's signer, and compare.
	b.Run("aws-sdk", func(b *testing.B) {
		signer := v4.NewSigner()
		credentials := aws.Credentials{AccessKeyID: testID, SecretAccessKey: testSecret}
		var want string
		template, err := http.NewRequest("GET", "http://"+testHost+get.Path, nil)
		if err != nil {
			b.Fatal(err)
		}
		template.Header = make(http.Header)
		for _, f := range get.Fields {
			switch f.Name {
			case "Amz-Sdk-Invocation-Id", "Amz-Sdk-Request":
				template.Header.Set(f.Name, f.Value)
			case "Authorization":
				want = f.Value
			}
		}
		b.ReportAllocs()
		for b.Loop() {
			template.Header.Del("Authorization")
			if err := signer.SignHTTP(b.Context(), credentials, template, emptyHash, "outposts", testRegion, testNow); err != nil {
				b.Fatal(err)
			}
			if got := template.Header.Get("Authorization"); got != want {
				b.Fatalf("%s, want %s", got, want)
			}
		}
	})
}

func BenchmarkParseAuthorization(b *testing.B) {
	get := sdkGet()
	value := get.Fields[len(get.Fields)-1].Value
	b.ReportAllocs()
	for b.Loop() {
		if _, err := sigv4.ParseAuthorization(value); err != nil {
			b.Fatal(err)
		}
	}
}

// A hit must not leave work to the garbage collector.
func TestVerifyAllocations(t *testing.T) {
	v := testVerifier()
	key := sigv4.DeriveKey(testSecret, testDay, testRegion, "outposts")
	other := sigv4.DeriveKey(testSecret+"0", testDay, testRegion, "outposts")
	get := sdkGet()
	long := signed(sigv4.Request{
		Method: "GET", Path: "/connections/" + strings.Repeat("%2F", 1024),
		Fields: []sigv4.Field{{"Host", testHost}},
	})
	for _, test := range []struct {
		name string
		req  *sigv4.Request
		key  *sigv4.SigningKey
		want bool
		most float64
	}{
		{"right key", &get, key, true, 0},
		{"another key", &get, other, false, 0},
		{"longest id", &long, key, true, 6},
	} {
		t.Run(test.name, func(t *testing.T) {
			if raceEnabled {
				t.Skip("sync.Pool drops items at random under the race detector")
			}
			got := testing.AllocsPerRun(200, func() {
				claim, err := v.Parse(test.req)
				if err != nil || claim.Verify(test.key) != test.want {
					t.Fatalf("claim is not %t: %v", test.want, err)
				}
			})
			if got > test.most {
				t.Errorf("%v allocations, want at most %v", got, test.most)
			}
		})
	}
}
