package outpoststest

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/"

// sessionName is what AWS accepts as RoleSessionName and SourceIdentity.
var sessionName = regexp.MustCompile(`^[\w+=,.@-]{2,64}$`)

// AWS's bounds of a session's lifetime, in seconds.
const (
	shortestSession = 900
	longestSession  = 12 * 3600
	usualSession    = 3600
)

func (s *Simulator) decideSTS(call *Call, r *http.Request, body []byte) (answer, Fault) {
	if refused := s.authenticate(call, r, body); refused != nil {
		return stsError(call, stsRefusal(refused)), Fault{}
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || call.Method != http.MethodPost {
		return stsError(call, &refusal{400, "MalformedQueryString", "The request is not a form."}), Fault{}
	}
	call.Operation = form.Get("Action")
	call.ReadOnly = call.Operation == "GetCallerIdentity"
	roleARN := form.Get("RoleArn")
	if call.Operation == "AssumeRole" {
		call.Request = object{"roleArn": roleARN, "roleSessionName": form.Get("RoleSessionName")}
		if source := form.Get("SourceIdentity"); source != "" {
			call.Request["sourceIdentity"] = source
		}
	}
	fault := s.takeFor(call)
	if fault.Status != 0 {
		return stsError(call, &refusal{fault.Status, fault.Code, fault.Message}), fault
	}
	if s.denied(call, roleARN) {
		return stsError(call, &refusal{403, "AccessDenied",
			"User: " + call.Principal.ARN + " is not authorized to perform: sts:" + call.Operation + " on resource: " + roleARN}), fault
	}
	switch call.Operation {
	case "GetCallerIdentity":
		return stsAnswer(call, callerIdentity{
			ARN: call.Principal.ARN, UserID: call.Principal.PrincipalID, Account: call.Principal.Account,
		}), fault
	case "AssumeRole":
		session, refused := s.assumeRole(form)
		if refused != nil {
			return stsError(call, refused), fault
		}
		call.Response = object{"accessKeyId": session.AccessKeyID, "assumedRoleArn": session.Principal.ARN, "expiration": session.Expires}
		return stsAnswer(call, assumedRole{
			SourceIdentity: session.Principal.SourceIdentity,
			User:           assumedRoleUser{ARN: session.Principal.ARN, ID: session.Principal.PrincipalID},
			Credentials: stsCredentials{
				AccessKeyID: session.AccessKeyID, SecretAccessKey: session.SecretAccessKey,
				SessionToken: session.SessionToken, Expiration: session.Expires.UTC().Format(time.RFC3339Nano),
			},
		}), fault
	}
	return stsError(call, &refusal{400, "InvalidAction", "Could not find operation " + strconv.Quote(call.Operation)}), fault
}

func (s *Simulator) assumeRole(form url.Values) (Session, *refusal) {
	roleARN, name, source := form.Get("RoleArn"), form.Get("RoleSessionName"), form.Get("SourceIdentity")
	seconds := usualSession
	if text := form.Get("DurationSeconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < shortestSession || n > longestSession {
			return Session{}, stsInvalid("durationSeconds", text)
		}
		seconds = n
	}
	if account, role := splitRole(roleARN); account == "" || role == "" {
		return Session{}, stsInvalid("roleArn", roleARN)
	}
	if !sessionName.MatchString(name) {
		return Session{}, stsInvalid("roleSessionName", name)
	}
	if source != "" && (!sessionName.MatchString(source) || strings.HasPrefix(source, "aws:")) {
		return Session{}, stsInvalid("sourceIdentity", source)
	}
	lifetime := time.Duration(seconds) * time.Second
	if s.lifetime > 0 {
		lifetime = s.lifetime
	}
	return s.IssueSession(roleARN, name, source, lifetime), nil
}

func stsInvalid(member, value string) *refusal {
	return &refusal{400, "ValidationError",
		fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint", value, member)}
}

// stsRefusal gives a refusal at the door the name that STS has for it.
func stsRefusal(r *refusal) *refusal {
	names := map[string]string{
		"MissingAuthenticationTokenException": "MissingAuthenticationToken",
		"IncompleteSignatureException":        "IncompleteSignature",
		"InvalidSignatureException":           "SignatureDoesNotMatch",
		"UnrecognizedClientException":         "InvalidClientTokenId",
		"ExpiredTokenException":               "ExpiredToken",
	}
	return &refusal{r.status, names[r.code], r.message}
}

type callerIdentity struct {
	ARN     string `xml:"GetCallerIdentityResult>Arn"`
	UserID  string `xml:"GetCallerIdentityResult>UserId"`
	Account string `xml:"GetCallerIdentityResult>Account"`
}

type assumedRole struct {
	SourceIdentity string          `xml:"AssumeRoleResult>SourceIdentity,omitempty"`
	User           assumedRoleUser `xml:"AssumeRoleResult>AssumedRoleUser"`
	Credentials    stsCredentials  `xml:"AssumeRoleResult>Credentials"`
}

type assumedRoleUser struct {
	ARN string `xml:"Arn"`
	ID  string `xml:"AssumedRoleId"`
}

type stsCredentials struct {
	AccessKeyID     string `xml:"AccessKeyId"`
	SecretAccessKey string `xml:"SecretAccessKey"`
	SessionToken    string `xml:"SessionToken"`
	Expiration      string `xml:"Expiration"`
}

func stsAnswer(call *Call, result any) answer {
	// The outermost element is named after the operation, which a struct tag cannot
	// say: what encoding/xml named after the Go type gives way to it.
	inner := encodeXML(result)
	inner = inner[strings.IndexByte(inner, '>')+1 : strings.LastIndexByte(inner, '<')]
	name := call.Operation + "Response"
	return answer{status: http.StatusOK, contentType: "text/xml", body: []byte(
		`<` + name + ` xmlns="` + stsNamespace + `">` + inner +
			`<ResponseMetadata><RequestId>` + call.RequestID + `</RequestId></ResponseMetadata></` + name + `>`)}
}

func stsError(call *Call, r *refusal) answer {
	fault := "Sender"
	if r.status >= 500 {
		fault = "Receiver"
	}
	type detail struct {
		Type    string
		Code    string
		Message string
	}
	body := encodeXML(struct {
		XMLName   xml.Name `xml:"ErrorResponse"`
		Namespace string   `xml:"xmlns,attr"`
		Error     detail
		RequestID string `xml:"RequestId"`
	}{Namespace: stsNamespace, Error: detail{fault, r.code, r.message}, RequestID: call.RequestID})
	return answer{status: r.status, code: r.code, message: r.message, contentType: "text/xml", body: []byte(body)}
}

func encodeXML(v any) string {
	b, err := xml.Marshal(v)
	if err != nil {
		// Only structs of strings are encoded here.
		panic(err)
	}
	return string(b)
}
