package main

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// A hit is verified and recorded like any call, and says what it is.
func TestHit(t *testing.T) {
	g := startGate(t, gateOptions{})
	for _, path := range []string{"/connections/" + plainConnection, "/connections/aB%2B%2Fc9%3D%3D", "/connections/%3D1%2B1", "/connections/%2F%2F%2F%2F"} {
		t.Run(path, func(t *testing.T) {
			g.AWS.Forget()
			miss := g.Call(t, "GET", path, "")
			hit := g.Call(t, "GET", path, "")
			calls := g.AWS.CallsOf("GetConnection")
			if miss.status != 200 || hit.status != 200 || miss.body != hit.body || len(calls) != 1 {
				t.Fatalf("%d calls to AWS for\n%s\n%s", len(calls), miss, hit)
			}
			if calls[0].Target != path {
				t.Errorf("AWS got %s", calls[0].Target)
			}
			for _, tt := range []struct{ name, got, want string }{
				{"miss, Cache-Status", miss.header.Get("Cache-Status"), "gatepost; fwd=miss; stored"},
				{"miss, request id", miss.header.Get("X-Amzn-Requestid"), calls[0].RequestID},
				{"miss, Age", miss.header.Get("Age"), ""},
				{"hit, request id", hit.header.Get("X-Amzn-Requestid"), hit.header.Get("X-Gatepost-Event-Id")},
				{"hit, fill", hit.header.Get("X-Gatepost-Fill-Request-Id"), calls[0].RequestID},
				{"hit, Age", hit.header.Get("Age"), "0"},
				{"hit, Cache-Control", hit.header.Get("Cache-Control"), "no-store"},
			} {
				if tt.got != tt.want {
					t.Errorf("%s: %q, want %q", tt.name, tt.got, tt.want)
				}
			}
			if s := hit.header.Get("Cache-Status"); s != "gatepost; hit; ttl=59" && s != "gatepost; hit; ttl=60" {
				t.Errorf("Cache-Status %q", s)
			}
			e := g.Event(t, hit)
			if e.Cache != "hit" || e.Fill == nil || e.Fill.RequestID != calls[0].RequestID || e.Fill.EventID != miss.header.Get("X-Gatepost-Event-Id") || len(e.Attempts) != 0 {
				t.Errorf("recorded as %+v", e)
			}
			if e := g.Event(t, miss); e.Cache != "miss" || len(e.Attempts) != 1 || e.Attempts[0].RequestID != calls[0].RequestID {
				t.Errorf("recorded as %+v", e)
			}
			if !strings.HasSuffix(calls[0].UserAgent, " evt/"+miss.header.Get("X-Gatepost-Event-Id")) && !strings.HasSuffix(calls[0].UserAgent, "evt/"+miss.header.Get("X-Gatepost-Event-Id")) {
				t.Errorf("AWS got the user agent %q", calls[0].UserAgent)
			}
		})
	}
}

// One id has several spellings, and one entry.
func TestSpellings(t *testing.T) {
	g := startGate(t, gateOptions{})
	for i, path := range []string{"/connections/a%2Fb%2B%3D", "/connections/a%2fb+=", "/connections/a%2fb%2b%3d"} {
		a := g.Call(t, "GET", path, "")
		if hit := strings.Contains(a.header.Get("Cache-Status"), "hit"); a.status != 200 || hit != (i > 0) {
			t.Errorf("%s: %s", path, a)
		}
	}
	if a := g.Call(t, "GET", "/connections/A%2Fb%2B%3D", ""); a.status != 404 {
		t.Errorf("ids are case-sensitive: %s", a)
	}
}

// What a caller may not get from AWS now, it does not get from the cache.
func TestIsolation(t *testing.T) {
	const path = "/connections/" + plainConnection
	other := func(allow string) string {
		return callerKeys + "  - id: GPKOTHER000000000001\n    secret: " + readerSecret + "\n    principal: other\n    allow: [" + allow + "]\n"
	}
	g := startGate(t, gateOptions{keys: other(`{operations: [GetConnection], connections: ["x*"]}`)})
	if a := g.Call(t, "GET", path, ""); a.status != 200 {
		t.Fatal(a)
	}
	asOther := func() answer {
		return g.Send(t, "GET", path, "", g.SignAs(t, "GPKOTHER000000000001", readerSecret, "GET", path, ""))
	}
	if a := asOther(); a.status != 403 || a.header.Get("Age") != "" {
		t.Errorf("denied by policy: %s", a)
	}
	g.Reload(t, other(`{operations: [GetConnection]}`))
	if a := asOther(); a.status != 200 || a.header.Get("Cache-Status") != "gatepost; fwd=miss; stored" {
		t.Errorf("allowed, and not answered from another's entry: %s", a)
	}
	if a := asOther(); !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("own entry: %s", a)
	}
	g.Reload(t, strings.Replace(other(`{operations: [GetConnection]}`), "principal: other\n", "principal: other\n    disabled: true\n", 1))
	if a := asOther(); a.status != 403 || a.header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Errorf("disabled: %s", a)
	}
	g.Reload(t, other(`{operations: [GetConnection]}`))
	if a := asOther(); a.header.Get("Cache-Status") != "gatepost; fwd=miss; stored" {
		t.Errorf("enabled again, the old entry must be out of reach: %s", a)
	}
	if a := g.Call(t, "GET", path, ""); !strings.Contains(a.header.Get("Cache-Status"), "hit") {
		t.Errorf("the first caller's entry was not touched: %s", a)
	}
}

// An entry shared by the identity that fills it is still given by each caller's own policy.
func TestScopeUpstream(t *testing.T) {
	g := startGate(t, gateOptions{keys: manyKeys, config: map[string]any{"cache": map[string]any{"scope": "upstream"}}})
	const path = "/connections/" + plainConnection
	g.Call(t, "GET", path, "")
	for _, tt := range []struct {
		id, secret string
		status     int
	}{{"GPKREADER00000000001", readerSecret, 200}, {"GPKNARROW00000000001", narrowSecret, 403}} {
		a := g.Send(t, "GET", path, "", g.SignAs(t, tt.id, tt.secret, "GET", path, ""))
		if a.status != tt.status || strings.Contains(a.header.Get("Cache-Status"), "hit") != (tt.status == 200) {
			t.Errorf("%s: %s", tt.id, a)
		}
	}
}

// Many callers at once make one call to AWS, and each has its own event.
func TestCoalescing(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.AWS.Script(outpoststest.Fault{Delay: 300 * time.Millisecond, Times: -1})
	const callers = 20
	answers := make([]answer, callers)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() { answers[i] = g.Call(t, "GET", "/connections/"+plainConnection, "") })
	}
	wg.Wait()
	if n := len(g.AWS.CallsOf("GetConnection")); n != 1 {
		t.Errorf("%d calls to AWS", n)
	}
	ids, leaders := map[string]bool{}, 0
	for _, a := range answers {
		ids[a.header.Get("X-Gatepost-Event-Id")] = true
		e := g.Event(t, a)
		switch a.header.Get("Cache-Status") {
		case "gatepost; fwd=miss; stored":
			leaders++
		case "gatepost; fwd=miss; collapsed":
			if e.Cache != "coalesced" || e.Fill == nil || len(e.Attempts) != 0 {
				t.Errorf("recorded as %+v", e)
			}
		default:
			if !strings.Contains(a.header.Get("Cache-Status"), "hit") {
				t.Errorf("%s", a)
			}
		}
	}
	if len(ids) != callers || leaders != 1 {
		t.Errorf("%d event ids, %d leaders", len(ids), leaders)
	}
}

// Only a complete answer to the very question is kept, and only a valid one is relayed.
func TestAdmission(t *testing.T) {
	g := startGate(t, gateOptions{})
	tests := map[string]struct {
		fault  outpoststest.Fault
		status int
		code   string
		class  string
	}{
		"details half filled in":      {outpoststest.Fault{Damage: outpoststest.PartialDetails}, 200, "", "none"},
		"no details":                  {outpoststest.Fault{Damage: outpoststest.NoDetails}, 200, "", "none"},
		"another connection's answer": {outpoststest.Fault{Damage: outpoststest.WrongConnectionID}, 502, "BadGatewayException", "upstream_invalid"},
		"not JSON":                    {outpoststest.Fault{Damage: outpoststest.InvalidJSON}, 502, "BadGatewayException", "upstream_invalid"},
		"not called JSON":             {outpoststest.Fault{Header: map[string]string{"Content-Type": "text/html"}}, 502, "BadGatewayException", "upstream_invalid"},
		"gzip":                        {outpoststest.Fault{Damage: outpoststest.GzipBody}, 502, "BadGatewayException", "upstream_invalid"},
		"cut short":                   {outpoststest.Fault{Damage: outpoststest.ShortBody, Times: 2}, 502, "BadGatewayException", "upstream_invalid"},
		"1 GiB":                       {outpoststest.Fault{Damage: outpoststest.HugeBody}, 502, "BadGatewayException", "upstream_invalid"},
		"endless":                     {outpoststest.Fault{Damage: outpoststest.EndlessChunks}, 502, "BadGatewayException", "upstream_invalid"},
		"redirect":                    {outpoststest.Fault{Location: "http://127.0.0.1:1/"}, 502, "BadGatewayException", "upstream_invalid"},
		"switching protocols":         {outpoststest.Fault{Damage: outpoststest.SwitchProtocols}, 502, "BadGatewayException", "upstream_invalid"},
		"not HTTP":                    {outpoststest.Fault{Damage: outpoststest.NotHTTP, Times: 2}, 502, "BadGatewayException", "upstream_invalid"},
		"not found":                   {outpoststest.Fault{Status: 404, Code: "NotFoundException", Message: "no"}, 404, "NotFoundException", "not_found"},
		"throttled":                   {outpoststest.Throttled(), 400, "ThrottlingException", "throttling"},
		"throttled by status":         {outpoststest.Fault{Status: 429, Code: "TooManyRequestsException", Header: map[string]string{"Retry-After": "3"}}, 429, "TooManyRequestsException", "throttling"},
		"quota":                       {outpoststest.Fault{Status: 402, Code: "ServiceQuotaExceededException"}, 402, "ServiceQuotaExceededException", "service_quota"},
		"HTML error":                  {outpoststest.Fault{Status: 403, Code: "AccessDeniedException", Body: []byte("<html>"), Header: map[string]string{"Content-Type": "text/html"}}, 403, "AccessDeniedException", "access_denied"},
		"a page of 503":               {outpoststest.Fault{Status: 503, Body: []byte("<html>"), Header: map[string]string{"Content-Type": "text/html"}, Times: 2}, 503, "ServiceUnavailableException", "internal_server"},
		"a page of 404":               {outpoststest.Fault{Status: 404, Body: []byte("<html>"), Header: map[string]string{"Content-Type": "text/html"}}, 404, "BadGatewayException", "not_found"},
		"fails twice":                 {outpoststest.Fault{Status: 500, Code: "InternalServerException", Times: 2}, 500, "InternalServerException", "internal_server"},
	}
	n := 0
	for name, tt := range tests {
		n++
		id := fmt.Sprintf("admission%d", n)
		t.Run(name, func(t *testing.T) {
			g.AWS.PutConnection(outpoststest.MakeConnection(id))
			g.AWS.Heal()
			g.AWS.Script(tt.fault)
			a := g.Call(t, "GET", "/connections/"+id, "")
			if a.status != tt.status || a.header.Get("X-Amzn-Errortype") != tt.code || strings.Contains(a.header.Get("Cache-Status"), "stored") {
				t.Errorf("%s, want %d %s and not stored", a, tt.status, tt.code)
			}
			if tt.status >= 300 && !strings.HasPrefix(a.body, "{") {
				t.Errorf("not an error document: %s", a)
			}
			if e := g.Event(t, a); string(e.ErrorClass) != tt.class || len(e.Attempts) == 0 {
				t.Errorf("recorded as %+v", e)
			}
			if want := tt.fault.Header["Retry-After"]; a.header.Get("Retry-After") != want {
				t.Errorf("Retry-After %q, want %q", a.header.Get("Retry-After"), want)
			}
			g.AWS.Heal()
			if a := g.Call(t, "GET", "/connections/"+id, ""); a.header.Get("Cache-Status") != "gatepost; fwd=miss; stored" {
				t.Errorf("the next call: %s", a)
			}
			g.AWS.Forget()
		})
	}
}

// A read that fails once is tried once more; a write never is, whatever its caller says.
func TestRetries(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.AWS.Script(outpoststest.Fault{Status: 503, Code: "ServiceUnavailableException"})
	a := g.Call(t, "GET", "/connections/"+plainConnection, "")
	if e := g.Event(t, a); a.status != 200 || len(e.Attempts) != 2 || e.Attempts[0].Status != 503 || e.Attempts[1].Status != 200 {
		t.Errorf("%s recorded as %+v", a, e)
	}
	g.AWS.Forget()
	g.AWS.Script(outpoststest.Fault{Status: 503, Code: "ServiceUnavailableException"})
	h := g.SignAs(t, callerKey, callerSecret, "POST", "/connections", startConnectionBody)
	h.Set("Idempotency-Key", "1")
	h.Set("X-Idempotency-Key", "1")
	a = g.Send(t, "POST", "/connections", startConnectionBody, h)
	if n := len(g.AWS.CallsOf("StartConnection")); a.status != 503 || n != 1 {
		t.Errorf("%d calls to AWS for %s", n, a)
	}
}

const startConnectionBody = `{"AssetId":"asset1","ClientPublicKey":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","NetworkInterfaceDeviceIndex":0}`

// A write whose signature was carried out before is not carried out again. A read is, and says that it repeats.
func TestReplay(t *testing.T) {
	g := startGate(t, gateOptions{})
	h := g.SignAs(t, callerKey, callerSecret, "POST", "/connections", startConnectionBody)
	if a := g.Send(t, "POST", "/connections", startConnectionBody, h); a.status != 200 || a.header.Get("Cache-Status") != "gatepost; fwd=bypass; detail=operation" {
		t.Fatal(a)
	}
	if a := g.Send(t, "POST", "/connections", startConnectionBody, h); a.status != 403 || len(g.AWS.CallsOf("StartConnection")) != 1 {
		t.Errorf("replayed: %s, %d calls to AWS", a, len(g.AWS.CallsOf("StartConnection")))
	}
	h = g.Sign(t, "GET", "/connections/"+plainConnection)
	first, second := g.Send(t, "GET", "/connections/"+plainConnection, "", h), g.Send(t, "GET", "/connections/"+plainConnection, "", h)
	if first.status != 200 || second.status != 200 || g.Event(t, first).Repeat || !g.Event(t, second).Repeat {
		t.Errorf("%s\n%s", first, second)
	}
	// What did not succeed may be tried again with the same signature.
	g.AWS.Script(outpoststest.Fault{Status: 500, Code: "InternalServerException"})
	g.waitForNextSecond()
	h = g.SignAs(t, callerKey, callerSecret, "POST", "/connections", startConnectionBody)
	if a := g.Send(t, "POST", "/connections", startConnectionBody, h); a.status != 500 {
		t.Fatal(a)
	}
	if a := g.Send(t, "POST", "/connections", startConnectionBody, h); a.status != 200 {
		t.Error(a)
	}
}

// No header of a caller's has a say in what is cached or what AWS is asked.
func TestHeadersHaveNoSay(t *testing.T) {
	g := startGate(t, gateOptions{})
	const path = "/connections/" + plainConnection
	h := g.Sign(t, "GET", path)
	for name, value := range map[string]string{
		"Cache-Control": "only-if-cached", "If-None-Match": "*", "Range": "bytes=0-1", "Accept-Encoding": "gzip", "X-Forwarded-Host": "evil", "X_Amz_Date": "1",
	} {
		h.Set(name, value)
	}
	a := g.Send(t, "GET", path, "", h)
	hit := g.Call(t, "GET", path, "")
	if a.status != 200 || a.body != hit.body || a.header.Get("Content-Encoding") != "" || !strings.Contains(hit.header.Get("Cache-Status"), "hit") {
		t.Errorf("%s\n%s", a, hit)
	}
}

// When AWS says that this identity may not, what it got before is given to nobody any more.
func TestDeniedByAWS(t *testing.T) {
	g := startGate(t, gateOptions{})
	g.Call(t, "GET", "/connections/"+plainConnection, "")
	g.AWS.Deny(outpoststest.Denial{ConnectionID: awkwardConnection})
	denied := g.Call(t, "GET", "/connections/aB%2B%2Fc9%3D%3D", "")
	if denied.status != 403 || denied.header.Get("X-Amzn-Errortype") != "AccessDeniedException" {
		t.Fatal(denied)
	}
	if a := g.Call(t, "GET", "/connections/"+plainConnection, ""); a.header.Get("Cache-Status") != "gatepost; fwd=miss; stored" {
		t.Errorf("still from the cache: %s", a)
	}
}

// An entry does not outlive the session that it was asked with.
func TestEntryEndsWithItsSession(t *testing.T) {
	g := startGate(t, gateOptions{
		aws:    outpoststest.Config{SessionLifetime: 15 * time.Minute},
		config: map[string]any{"upstream": map[string]any{"assume_role": map[string]any{"role_arn": outpoststest.DefaultRoleARN, "per_principal": true}}},
	})
	a := g.Call(t, "GET", "/connections/"+plainConnection, "")
	e := g.Event(t, a)
	if a.status != 200 || e.Upstream == nil || !strings.HasSuffix(e.Upstream.IdentityARN, "/installer-fra1") {
		t.Errorf("%s recorded as %+v", a, e.Upstream)
	}
	sessions := g.AWS.Sessions()
	if len(sessions) != 1 || sessions[0].Principal.SessionName != "installer-fra1" || sessions[0].Principal.SourceIdentity != "installer-fra1" {
		t.Errorf("sessions %+v", sessions)
	}
}

// HEAD learns nothing of the cache and fills nothing.
func TestHead(t *testing.T) {
	g := startGate(t, gateOptions{})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodHead, g.URL()+"/connections/"+plainConnection, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if resp.StatusCode != 405 || resp.Header.Get("Age") != "" || len(g.AWS.CallsOf("GetConnection")) != 0 {
		t.Errorf("%d %v, AWS was called", resp.StatusCode, resp.Header)
	}
}
