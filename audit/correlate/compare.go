package correlate

import (
	"fmt"
	"hash/maphash"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// differences are what a record says otherwise than the log.
type differences struct {
	grave []string // make the attempt mismatched
	noted []string // are told, and may have an innocent cause
}

func (d *differences) add(field, ours, theirs string) {
	d.grave = append(d.grave, difference(field, ours, theirs))
}

func (d *differences) note(field, ours, theirs string) {
	d.noted = append(d.noted, difference(field, ours, theirs)+" (noted)")
}

func difference(field, ours, theirs string) string {
	if ours == "" {
		return fmt.Sprintf("%s: %.200q in CloudTrail", field, theirs)
	}
	return fmt.Sprintf("%s: %.200q in the log, %.200q in CloudTrail", field, ours, theirs)
}

func (d *differences) list() []string { return append(d.grave, d.noted...) }

// compare holds a record against the attempt that it is joined with. What either
// side does not tell is no difference.
//
// Grave is what only another request, or a lie, explains. Noted are the facts
// that may change between a call's attempts (the access key), that CloudTrail may
// tell in another way (the host, which the signature covers), or that a record
// does not tell apart from absent (readOnly).
func (c *Correlator) compare(l *call, t *attempt, r *cloudtrail.Record) (d differences) {
	s := l.shape
	if differ(s.operation, r.EventName) && s.operation != unknownOperation {
		d.add("operation", s.operation, r.EventName)
	}
	if differ(s.region, r.AWSRegion) {
		d.add("region", s.region, r.AWSRegion)
	}
	if account := accountOf(r); differ(s.account, account) {
		d.add("account", s.account, account)
	}
	if !samePrincipal(s.arn, &r.UserIdentity) {
		d.add("principal", s.arn, firstTold(r.UserIdentity.ARN, r.UserIdentity.IssuerARN))
	}
	if l.connection != 0 && !cloudtrail.Unknown(r.Request.ConnectionID) && !c.sameConnection(l.connection, r.Request.ConnectionID) {
		d.add("connection_id", "", r.Request.ConnectionID)
	}
	compareError(t, r, &d)
	if differ(s.accessKey, r.UserIdentity.AccessKeyID) {
		d.note("access_key_id", s.accessKey, r.UserIdentity.AccessKeyID)
	}
	if differ(s.endpoint, r.TLS.Host) && differ(hostOf(s.endpoint), hostOf(r.TLS.Host)) {
		d.note("tls_host", hostOf(s.endpoint), hostOf(r.TLS.Host))
	}
	if v := r.TLS.Version; v == "TLSv1" || v == "TLSv1.0" || v == "TLSv1.1" {
		d.note("tls_version", "TLSv1.2 or later", v)
	}
	if s.operation != unknownOperation && s.readOnly != r.ReadOnly {
		d.note("read_only", fmt.Sprint(s.readOnly), fmt.Sprint(r.ReadOnly))
	}
	return d
}

// unknownOperation is the log's name for calls that are not in the API's model.
const unknownOperation = "Unknown"

// differ holds for two values that are known and not the same.
func differ(ours, theirs string) bool {
	return ours != "" && !cloudtrail.Unknown(theirs) && ours != theirs
}

// compareError compares how the call ended, if that is known. An error without a
// request id may be of something in front of the service.
func compareError(t *attempt, r *cloudtrail.Record, d *differences) {
	failed := t.status >= 400
	if t.status < 200 || t.status >= 300 && !failed || failed && t.request == (key{}) || failed && t.traits&learned != 0 {
		return
	}
	code := r.ErrorCode
	if code != "" && cloudtrail.Unknown(code) {
		return
	}
	ours := t.code
	switch {
	case failed && code == "":
		d.add("error_code", firstTold(ours, fmt.Sprint(t.status)), "success")
	case !failed && code != "":
		d.add("error_code", "success", code)
	case failed && ours != "" && !sameCode(ours, code):
		d.add("error_code", ours, code)
	}
}

// firstTold is the first of two values that tells something.
func firstTold(a, b string) string {
	if cloudtrail.Unknown(a) {
		return b
	}
	return a
}

// accountOf is the account of the caller. A record's recipient is the caller's
// account too, except in copies for others.
func accountOf(r *cloudtrail.Record) string {
	if !cloudtrail.Unknown(r.UserIdentity.AccountID) {
		return r.UserIdentity.AccountID
	}
	if p := parseARN(r.UserIdentity.ARN); p.account != "" {
		return p.account
	}
	if r.SharedEventID == "" && !cloudtrail.Unknown(r.RecipientID) {
		return r.RecipientID
	}
	return ""
}

// hostOf is the host of an endpoint or of a Host header, in lower case and
// without a port.
func hostOf(s string) string {
	if cloudtrail.Unknown(s) {
		return ""
	}
	if _, rest, ok := strings.Cut(s, "://"); ok {
		s = rest
	}
	s, _, _ = strings.Cut(s, "/")
	if i := strings.LastIndexByte(s, ':'); i > strings.LastIndexByte(s, ']') {
		s = s[:i]
	}
	return strings.ToLower(s)
}

func (c *Correlator) hashConnection(id string) uint64 {
	if id == "" {
		return 0
	}
	return max(maphash.String(c.seed, id), 1)
}

func (c *Correlator) sameConnection(ours uint64, theirs string) bool {
	if c.hashConnection(theirs) == ours {
		return true
	}
	return slices.Contains(c.connectionHashes(theirs), ours)
}

// connectionHashes are the hashes of a connection id as a record has it: decoded,
// or encoded once or twice as in the path that was signed.
func (c *Correlator) connectionHashes(id string) (hashes []uint64) {
	if cloudtrail.Unknown(id) {
		return nil
	}
	for range 3 {
		hashes = append(hashes, c.hashConnection(id))
		decoded, err := url.PathUnescape(id)
		if err != nil || decoded == id {
			break
		}
		id = decoded
	}
	return hashes
}

// contradicts names what shows that a record is not of a call that its user agent
// names, "" if nothing does. A user agent is the caller's to choose; the others
// are AWS's word.
func contradicts(s *shape, r *cloudtrail.Record) string {
	switch {
	case s.operation != unknownOperation && differ(s.operation, r.EventName):
		return "operation"
	case differ(s.account, accountOf(r)):
		return "account"
	case !samePrincipal(s.arn, &r.UserIdentity):
		return "principal"
	}
	return ""
}

// fits holds if a record may be of a call of this shape, and at least the caller
// is known to be the same.
func fits(s *shape, r *cloudtrail.Record) bool {
	if contradicts(s, r) != "" || differ(s.region, r.AWSRegion) {
		return false
	}
	switch {
	case s.arn != "" && firstTold(r.UserIdentity.ARN, r.UserIdentity.IssuerARN) != "":
		return true
	case s.accessKey != "" && !cloudtrail.Unknown(r.UserIdentity.AccessKeyID):
		return s.accessKey == r.UserIdentity.AccessKeyID
	}
	return s.account != "" && accountOf(r) != ""
}

// addresses are the source addresses that one identity's records had of late.
type addresses struct {
	known [32]netip.Addr
	next  int
}

// maxAddressed bounds the identities whose addresses are remembered.
const maxAddressed = 4096

// strange reports whether an identity's records have come from other addresses so
// far. Gatepost does not know its own address as AWS sees it, which network
// translation may also change at any time: a strange one is worth a note, and no
// proof of anything. Of all that is said of a record this alone depends on which
// came before it.
func (c *Correlator) strange(arn, sourceIP string) bool {
	ip, err := netip.ParseAddr(sourceIP)
	if err != nil || arn == "" {
		return false // AWS's services appear by name
	}
	s := c.addresses[arn]
	if s == nil {
		if len(c.addresses) >= maxAddressed {
			clear(c.addresses)
		}
		s = &addresses{}
		c.addresses[strings.Clone(arn)] = s
	}
	for _, known := range s.known {
		if known == ip {
			return false
		}
	}
	first := s.next == 0
	s.known[s.next%len(s.known)] = ip
	s.next++
	return !first
}
