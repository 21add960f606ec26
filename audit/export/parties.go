package export

import (
	"net/netip"
	"strconv"
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
)

// actor is who did it. The schema wants a name or an id.
func (o *object) actor(e *audit.Event) {
	user := term{1, "User"}
	name, uid := e.Principal, e.AccessKeyID
	switch e.Kind {
	case audit.KindIntent, audit.KindOutcome:
		if name == "" {
			user = other("Unauthenticated")
		}
	case audit.KindAdmin:
		user = term{2, "Admin"}
		if name == "" {
			user = other("Unauthenticated")
		}
	case audit.KindFinding:
		user = term{0, "Unknown"}
	default:
		if name == "" {
			name, user = productName, term{3, "System"}
		}
	}
	if name == "" && uid == "" {
		name = strings.ToLower(user.caption)
	}
	mark := o.open("actor", '{')
	inner := o.open("user", '{')
	o.text("name", name)
	o.text("uid", uid)
	o.int("type_id", user.id)
	o.text("type", user.caption)
	o.close(inner)
	o.close(mark)
}

func (o *object) sourceEndpoint(e *audit.Event) {
	mark := o.open("src_endpoint", '{')
	switch {
	case e.SourceIP != "":
		o.host("name", e.SourceIP)
		o.number("port", int64(e.SourcePort))
	case isCall(e) || e.Kind == audit.KindFinding || e.Kind == audit.KindAdmin:
		o.text("name", "unknown")
	default:
		o.gatepost(e)
	}
	o.close(mark)
}

func (o *object) destinationEndpoint(e *audit.Event) {
	mark := o.open("dst_endpoint", '{')
	switch {
	case e.Kind == audit.KindFinding:
		o.text("svc_name", awsService)
	case isCall(e) && len(e.Attempts) > 0 && e.Upstream != nil:
		o.text("svc_name", awsService)
		o.authority(e.Upstream.Endpoint)
	default:
		o.gatepost(e)
	}
	o.close(mark)
}

// gatepost is the endpoint that this process is.
func (o *object) gatepost(e *audit.Event) {
	o.text("name", e.Origin)
	o.text("svc_name", productName)
}

// host writes an address as ip and anything else, such as the service that
// CloudTrail names in its place, as what name says.
func (o *object) host(name, host string) {
	// Most hosts have names, and an error of ParseAddr's is an allocation.
	if strings.Contains(host, ":") || host != "" && '0' <= host[len(host)-1] && host[len(host)-1] <= '9' {
		if ip, err := netip.ParseAddr(host); err == nil && ip.Zone() == "" {
			o.key("ip")
			o.b = append(o.b, '"')
			o.b = ip.Unmap().AppendTo(o.b)
			o.b = append(o.b, '"')
			return
		}
	}
	o.text(name, host)
}

// authority writes the host and the port of an endpoint's URL.
func (o *object) authority(endpoint string) {
	if _, after, ok := strings.Cut(endpoint, "://"); ok {
		endpoint = after
	}
	host, _, _ := strings.Cut(endpoint, "/")
	port := uint64(0)
	if i := strings.LastIndexByte(host, ':'); i >= 0 && !strings.Contains(host[i:], "]") {
		if n, err := strconv.ParseUint(host[i+1:], 10, 16); err == nil {
			host, port = host[:i], n
		}
	}
	o.host("hostname", strings.Trim(host, "[]"))
	o.number("port", int64(port))
}

func (o *object) cloud(e *audit.Event) {
	if !aboutAWS(e) {
		return
	}
	mark := o.open("cloud", '{')
	o.text("provider", "AWS")
	o.text("region", e.Region)
	if account := upstreamOf(e).Account; account != "" {
		inner := o.open("account", '{')
		o.text("uid", account)
		o.int("type_id", 10)
		o.text("type", "AWS Account")
		o.close(inner)
	}
	o.close(mark)
}

func (o *object) resources(e *audit.Event) {
	if e.ConnectionID == "" {
		return
	}
	list := o.open("resources", '[')
	mark := o.open("", '{')
	o.text("uid", e.ConnectionID)
	o.text("type", "connection")
	o.int("role_id", 1)
	o.text("role", "Target")
	if aboutAWS(e) {
		o.text("region", e.Region)
	}
	o.close(mark)
	o.close(list)
}
