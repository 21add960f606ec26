package outpoststest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strconv"
	"strings"
)

// answer is what a service says, before any fault.
type answer struct {
	status      int
	code        string
	message     string
	location    string
	contentType string
	body        []byte
}

func restAnswer(output object) answer {
	return answer{status: http.StatusOK, contentType: "application/json", body: encode(output)}
}

func restError(r *refusal) answer {
	return answer{
		status: r.status, code: r.code, message: r.message,
		contentType: "application/json", body: encode(object{"Message": r.message}),
	}
}

func encode(v object) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		// Everything encoded here was made here, of strings, numbers and lists.
		panic(err)
	}
	return b
}

var (
	connectionID = regexp.MustCompile(`^[a-zA-Z0-9+/=]+$`)
	assetID      = regexp.MustCompile(`^\w{1,100}$`)
	pageToken    = regexp.MustCompile(`^(\d+)##(\S+)$`)
)

func getConnection(s *Simulator, in object) (object, *refusal) {
	id := text(in, "ConnectionId")
	if len(id) > 1024 || !connectionID.MatchString(id) {
		return nil, invalid("connectionId", id)
	}
	c, ok := s.Connection(id)
	if !ok {
		return nil, &refusal{404, "NotFoundException", "The connection was not found."}
	}
	return object{"ConnectionId": c.ConnectionID, "ConnectionDetails": c.details()}, nil
}

func startConnection(s *Simulator, in object) (object, *refusal) {
	asset, clientKey := text(in, "AssetId"), text(in, "ClientPublicKey")
	index, numbered := in["NetworkInterfaceDeviceIndex"].(float64)
	switch {
	case !assetID.MatchString(asset):
		return nil, invalid("assetId", asset)
	case len(clientKey) != 44:
		return nil, invalid("clientPublicKey", clientKey)
	case !numbered || index < 0 || index > 1:
		return nil, invalid("networkInterfaceDeviceIndex", fmt.Sprint(in["NetworkInterfaceDeviceIndex"]))
	}
	// Ids of AWS's are opaque base 64; these always hold what needs escaping.
	c := MakeConnection("c/" + randomText(22) + "+==")
	c.ClientPublicKey = clientKey
	s.PutConnection(c)
	return object{"ConnectionId": c.ConnectionID, "UnderlayIpAddress": "192.0.2.10"}, nil
}

func invalid(member, value string) *refusal {
	return &refusal{400, "ValidationException",
		fmt.Sprintf("1 validation error detected: Value '%s' at '%s' failed to satisfy constraint", value, member)}
}

// text is a string member, "" when it is absent or something else.
func text(in object, name string) string {
	value, _ := in[name].(string)
	return value
}

// known refuses labels that begin with "missing", the way to ask for a
// NotFoundException of any operation that names a resource.
func known(in object) *refusal {
	for _, name := range []string{"OutpostId", "OutpostIdentifier", "SiteId", "OrderId", "CatalogItemId", "CapacityTaskId", "ResourceArn"} {
		if value := text(in, name); strings.HasPrefix(value, "missing") {
			return &refusal{404, "NotFoundException", "The " + name + " '" + value + "' was not found."}
		}
	}
	return nil
}

func empty(_ *Simulator, in object) (object, *refusal) { return object{}, known(in) }

// wrap answers one item under a name.
func wrap(member string, item func(s *Simulator, in object, i int) object) func(*Simulator, object) (object, *refusal) {
	return func(s *Simulator, in object) (object, *refusal) {
		return object{member: item(s, in, 1)}, known(in)
	}
}

// listLength is how many items each list has.
const listLength = 3

// list answers items in pages of MaxResults.
func list(member string, item func(s *Simulator, in object, i int) object) func(*Simulator, object) (object, *refusal) {
	return func(s *Simulator, in object) (object, *refusal) {
		if refused := known(in); refused != nil {
			return nil, refused
		}
		start, size := 0, listLength
		if token := parameter(in, "NextToken"); token != "" {
			parts := pageToken.FindStringSubmatch(token)
			if parts == nil {
				return nil, invalid("nextToken", token)
			}
			start, _ = strconv.Atoi(parts[1])
		}
		if wanted := parameter(in, "MaxResults"); wanted != "" {
			n, err := strconv.Atoi(wanted)
			if err != nil || n < 1 || n > 1000 {
				return nil, invalid("maxResults", wanted)
			}
			size = n
		}
		items := []object{}
		for i := start; i < min(start+size, listLength); i++ {
			items = append(items, item(s, in, i+1))
		}
		output := object{member: items}
		if next := start + size; next < listLength {
			output["NextToken"] = fmt.Sprintf("%d##%s", next, member)
		}
		return output, nil
	}
}

func parameter(in object, name string) string {
	query, _ := in["query"].(map[string][]string)
	if values := query[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

func numbered(prefix string, i int) string { return fmt.Sprintf("%s-%017x", prefix, i) }

func (s *Simulator) arn(resource string) string {
	return "arn:" + s.partition + ":outposts:" + s.Region() + ":" + s.account + ":" + resource
}

func outpost(s *Simulator, in object, i int) object {
	id := cmp.Or(text(in, "OutpostId"), numbered("op", i))
	return object{
		"OutpostId": id, "OutpostArn": s.arn("outpost/" + id), "OwnerId": s.account,
		"Name": cmp.Or(text(in, "Name"), fmt.Sprintf("outpost %d", i)), "SiteId": cmp.Or(text(in, "SiteId"), numbered("os", i)),
		"AvailabilityZone": s.Region() + "a", "LifeCycleStatus": "ACTIVE", "SupportedHardwareType": "SERVER",
	}
}

func site(s *Simulator, in object, i int) object {
	id := cmp.Or(text(in, "SiteId"), numbered("os", i))
	return object{
		"SiteId": id, "SiteArn": s.arn("site/" + id), "AccountId": s.account,
		"Name": cmp.Or(text(in, "Name"), fmt.Sprintf("site %d", i)),
	}
}

func order(_ *Simulator, in object, i int) object {
	return object{"OrderId": cmp.Or(text(in, "OrderId"), numbered("oo", i)), "OutpostId": numbered("op", i), "Status": "IN_PROGRESS"}
}

func catalogItem(_ *Simulator, in object, i int) object {
	return object{"CatalogItemId": cmp.Or(text(in, "CatalogItemId"), fmt.Sprintf("OR-%07d", i)), "ItemStatus": "AVAILABLE"}
}

func asset(_ *Simulator, _ object, i int) object {
	return object{"AssetId": fmt.Sprintf("asset%04d", i), "AssetType": "COMPUTE", "RackId": "rack1"}
}

func assetInstance(s *Simulator, _ object, i int) object {
	return object{"InstanceId": numbered("i", i), "AccountId": s.account, "AwsServiceName": "EC2"}
}

func instanceType(_ *Simulator, _ object, i int) object {
	return object{"InstanceType": fmt.Sprintf("c6id.%dxlarge", 2<<i)}
}

func subscription(_ *Simulator, _ object, i int) object {
	return object{"SubscriptionId": fmt.Sprintf("sub-%d", i), "SubscriptionStatus": "ACTIVE"}
}

func taskSummary(_ *Simulator, _ object, i int) object {
	return object{"CapacityTaskId": numbered("cap", i), "OutpostId": numbered("op", i), "CapacityTaskStatus": "COMPLETED"}
}

func capacityTask(_ *Simulator, in object) (object, *refusal) {
	return object{
		"CapacityTaskId": cmp.Or(text(in, "CapacityTaskId"), numbered("cap", 1)), "OutpostId": text(in, "OutpostId"),
		"CapacityTaskStatus": "IN_PROGRESS", "DryRun": in["DryRun"] == true,
	}, known(in)
}

func renewal(_ *Simulator, in object) (object, *refusal) {
	return object{"OutpostId": text(in, "OutpostIdentifier"), "PaymentOption": "NO_UPFRONT", "PaymentTerm": "ONE_YEAR"}, known(in)
}

func renewalPricing(_ *Simulator, in object) (object, *refusal) {
	return object{"PricingResult": "PRICED", "PricingOptions": []object{}}, known(in)
}

func siteAddress(_ *Simulator, in object) (object, *refusal) {
	kind := cmp.Or(parameter(in, "AddressType"), text(in, "AddressType"))
	if kind == "" {
		return nil, invalid("addressType", "")
	}
	address := object{"AddressLine1": "1 Example Street", "City": "Seattle", "StateOrRegion": "WA", "PostalCode": "98101", "CountryCode": "US"}
	return object{"SiteId": text(in, "SiteId"), "AddressType": kind, "Address": address}, known(in)
}

func tags(_ *Simulator, in object) (object, *refusal) {
	return object{"Tags": map[string]string{"Name": text(in, "ResourceArn")}}, known(in)
}

func decommission(_ *Simulator, in object) (object, *refusal) {
	return object{"Status": "REQUESTED", "BlockingResourceTypes": []string{}}, known(in)
}
