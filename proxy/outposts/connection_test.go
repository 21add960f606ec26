package outposts_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

const wholeDetails = `"ClientPublicKey":"k1","ServerPublicKey":"k2","ServerEndpoint":"192.0.2.1:51820","ClientTunnelAddress":"10.0.0.2/32","ServerTunnelAddress":"10.0.0.1/32","AllowedIps":["10.0.0.0/24"]`

func wholeAnswer(id string) string {
	return fmt.Sprintf(`{"ConnectionDetails":{%s},"ConnectionId":%q}`, wholeDetails, id)
}

func TestCheckConnection(t *testing.T) {
	without := func(name string) string {
		var details map[string]any
		if err := json.Unmarshal([]byte("{"+wholeDetails+"}"), &details); err != nil {
			panic(err)
		}
		delete(details, name)
		text, err := json.Marshal(map[string]any{"ConnectionId": "abc", "ConnectionDetails": details})
		if err != nil {
			panic(err)
		}
		return string(text)
	}
	whole := wholeAnswer("abc")
	swap := strings.NewReplacer
	const complete, partial, refused = "complete", "partial", "refused"
	for _, test := range []struct{ name, body, want string }{
		{"whole", whole, complete},
		{"whole, white space", " \n" + whole + "\t ", complete},
		{"whole, more members", swap(`{"C`, `{"New":{"a":[{"b":null}],"n":1e400},"C`).Replace(whole), complete},
		{"whole, escaped name", swap(`"ConnectionId"`, `"Connection\u0049d"`).Replace(whole), complete},
		{"whole, two addresses", swap(`0/24"]`, `0/24","10.1.0.0/24"]`).Replace(whole), complete},

		{"empty object", `{}`, partial},
		{"no details", `{"ConnectionId":"abc"}`, partial},
		{"details null", `{"ConnectionId":"abc","ConnectionDetails":null}`, partial},
		{"details empty", `{"ConnectionId":"abc","ConnectionDetails":{}}`, partial},
		{"no id", "{\"ConnectionDetails\":{" + wholeDetails + "}}", partial},
		{"id null", swap(`"abc"`, `null`).Replace(whole), partial},
		{"id by another name", swap(`"ConnectionId"`, `"connectionid"`).Replace(whole), partial},
		{"detail by another name", swap(`"ServerEndpoint"`, `"serverEndpoint"`).Replace(whole), partial},
		{"detail null", swap(`"k2"`, `null`).Replace(whole), partial},
		{"detail empty", swap(`"k2"`, `""`).Replace(whole), partial},
		{"no addresses", swap(`["10.0.0.0/24"]`, `[]`).Replace(whole), partial},
		{"an empty address", swap(`0/24"]`, `0/24",""]`).Replace(whole), partial},
		{"without ClientPublicKey", without("ClientPublicKey"), partial},
		{"without ServerPublicKey", without("ServerPublicKey"), partial},
		{"without ServerEndpoint", without("ServerEndpoint"), partial},
		{"without ClientTunnelAddress", without("ClientTunnelAddress"), partial},
		{"without ServerTunnelAddress", without("ServerTunnelAddress"), partial},
		{"without AllowedIps", without("AllowedIps"), partial},

		{"another id", wholeAnswer("abd"), refused},
		{"id in another case", wholeAnswer("ABC"), refused},
		{"empty id", wholeAnswer(""), refused},
		{"id is a number", swap(`"abc"`, `1`).Replace(whole), refused},
		{"id twice, right one last", swap(`{"C`, `{"ConnectionId":"abd","C`).Replace(whole), refused},
		{"id twice, the same", swap(`{"C`, `{"ConnectionId":"abc","C`).Replace(whole), refused},
		{"id twice, one escaped", swap(`{"C`, `{"Connection\u0049d":"abc","C`).Replace(whole), refused},
		{"id twice, another case", swap(`{"C`, `{"connectionID":"abd","C`).Replace(whole), refused},
		{"id twice, folded", swap(`{"C`, `{"ClientPublic\u212aey":"abd","ClientPublicKey":"x","C`).Replace(whole), refused},
		{"detail twice", swap(`"k1"`, `"k1","ServerPublicKey":"evil"`).Replace(whole), refused},
		{"details twice", swap(`{"ConnectionDetails"`, `{"ConnectionDetails":{},"ConnectionDetails"`).Replace(whole), refused},
		{"twice in what is not known", swap(`{"C`, `{"New":[{"a":1,"a":2}],"C`).Replace(whole), refused},
		{"detail is a number", swap(`"k2"`, `2`).Replace(whole), refused},
		{"details is a string", `{"ConnectionId":"abc","ConnectionDetails":"x"}`, refused},
		{"details is an array", `{"ConnectionId":"abc","ConnectionDetails":[]}`, refused},
		{"addresses are a string", swap(`["10.0.0.0/24"]`, `"10.0.0.0/24"`).Replace(whole), refused},
		{"an address is a number", swap(`["10.0.0.0/24"]`, `["10.0.0.0/24",1]`).Replace(whole), refused},
		{"an address is null", swap(`["10.0.0.0/24"]`, `["10.0.0.0/24",null]`).Replace(whole), refused},
		{"empty", ``, refused},
		{"white space", ` `, refused},
		{"null", `null`, refused},
		{"array", "[" + whole + "]", refused},
		{"string", `"abc"`, refused},
		{"cut off", whole[:len(whole)-1], refused},
		{"trailing object", whole + whole, refused},
		{"trailing text", whole + "x", refused},
		{"trailing NUL", whole + "\x00", refused},
		{"byte order mark", "\ufeff" + whole, refused},
		{"last comma", swap(`"}`, `",}`).Replace(whole), refused},
		{"invalid UTF-8", swap(`"k2"`, "\"\xff\"").Replace(whole), refused},
		{"HTML", "<html></html>", refused},
		{"deep", swap(`{"C`, `{"New":`+strings.Repeat("[", 20)+strings.Repeat("]", 20)+`,"C`).Replace(whole), refused},
		{"very deep", strings.Repeat("[", 20000), refused},
		{"many members", manyMembers(65), refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := outposts.CheckConnection([]byte(test.body), "abc")
			outcome := partial
			switch {
			case err != nil:
				outcome = refused
			case got:
				outcome = complete
			}
			if outcome != test.want {
				t.Errorf("%s (%v), want %s", outcome, err, test.want)
			}
			if err != nil && got {
				t.Error("complete beside an error")
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	b.WriteString("{")
	for i := range n {
		fmt.Fprintf(&b, `"m%d":0,`, i)
	}
	return b.String() + wholeAnswer("abc")[1:]
}
