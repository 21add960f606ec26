package outpoststest

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
)

type object = map[string]any

// operation is one row of the API: where it is bound and what it answers.
type operation struct {
	name   string
	method string
	path   string // with {Label}s, each of which is one escaped segment

	// echoes says that the answer has a member Echo with the query as it arrived,
	// which AWS's clients ignore.
	echoes bool

	run func(s *Simulator, in object) (object, *refusal)
}

// operations are the 37 of the API's model, independent of the proxy's table.
func operations() []operation {
	const get, post, put, patch, del = http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete
	return []operation{
		{"CancelCapacityTask", post, "/outposts/{OutpostId}/capacity/{CapacityTaskId}", false, empty},
		{"CancelOrder", post, "/orders/{OrderId}/cancel", false, empty},
		{"CreateOrder", post, "/orders", false, wrap("Order", order)},
		{"CreateOutpost", post, "/outposts", false, wrap("Outpost", outpost)},
		{"CreateRenewal", post, "/renewals", false, renewal},
		{"CreateSite", post, "/sites", false, wrap("Site", site)},
		{"DeleteOutpost", del, "/outposts/{OutpostId}", false, empty},
		{"DeleteSite", del, "/sites/{SiteId}", false, empty},
		{"GetCapacityTask", get, "/outposts/{OutpostId}/capacity/{CapacityTaskId}", false, capacityTask},
		{"GetCatalogItem", get, "/catalog/item/{CatalogItemId}", false, wrap("CatalogItem", catalogItem)},
		{"GetConnection", get, "/connections/{ConnectionId}", false, getConnection},
		{"GetOrder", get, "/orders/{OrderId}", false, wrap("Order", order)},
		{"GetOutpost", get, "/outposts/{OutpostId}", false, wrap("Outpost", outpost)},
		{"GetOutpostBillingInformation", get, "/outpost/{OutpostIdentifier}/billing-information", true, list("Subscriptions", subscription)},
		{"GetOutpostInstanceTypes", get, "/outposts/{OutpostId}/instanceTypes", true, list("InstanceTypes", instanceType)},
		{"GetOutpostSupportedInstanceTypes", get, "/outposts/{OutpostId}/supportedInstanceTypes", true, list("InstanceTypes", instanceType)},
		{"GetRenewalPricing", get, "/outpost/{OutpostIdentifier}/renewal-pricing", false, renewalPricing},
		{"GetSite", get, "/sites/{SiteId}", false, wrap("Site", site)},
		{"GetSiteAddress", get, "/sites/{SiteId}/address", true, siteAddress},
		{"ListAssetInstances", get, "/outposts/{OutpostId}/assetInstances", true, list("AssetInstances", assetInstance)},
		{"ListAssets", get, "/outposts/{OutpostId}/assets", true, list("Assets", asset)},
		{"ListBlockingInstancesForCapacityTask", get, "/outposts/{OutpostId}/capacity/{CapacityTaskId}/blockingInstances", true, list("BlockingInstances", assetInstance)},
		{"ListCapacityTasks", get, "/capacity/tasks", true, list("CapacityTasks", taskSummary)},
		{"ListCatalogItems", get, "/catalog/items", true, list("CatalogItems", catalogItem)},
		{"ListOrders", get, "/list-orders", true, list("Orders", order)},
		{"ListOutposts", get, "/outposts", true, list("Outposts", outpost)},
		{"ListSites", get, "/sites", true, list("Sites", site)},
		{"ListTagsForResource", get, "/tags/{ResourceArn}", false, tags},
		{"StartCapacityTask", post, "/outposts/{OutpostId}/capacity", false, capacityTask},
		{"StartConnection", post, "/connections", false, startConnection},
		{"StartOutpostDecommission", post, "/outposts/{OutpostId}/decommission", false, decommission},
		{"TagResource", post, "/tags/{ResourceArn}", false, empty},
		{"UntagResource", del, "/tags/{ResourceArn}", false, empty},
		{"UpdateOutpost", patch, "/outposts/{OutpostId}", false, wrap("Outpost", outpost)},
		{"UpdateSite", patch, "/sites/{SiteId}", false, wrap("Site", site)},
		{"UpdateSiteAddress", put, "/sites/{SiteId}/address", false, siteAddress},
		{"UpdateSiteRackPhysicalProperties", patch, "/sites/{SiteId}/rackPhysicalProperties", false, wrap("Site", site)},
	}
}

// findOperation matches a request target as it stood on the wire, so that a slash
// which was escaped stays inside its label. The labels come back decoded.
func findOperation(method, target string) (*operation, map[string]string) {
	path, _, _ := strings.Cut(target, "?")
	segments := strings.Split(path, "/")
	for _, op := range operations() {
		if op.method != method {
			continue
		}
		if labels, ok := match(strings.Split(op.path, "/"), segments); ok {
			return &op, labels
		}
	}
	return nil, nil
}

func match(pattern, segments []string) (map[string]string, bool) {
	if len(pattern) != len(segments) {
		return nil, false
	}
	labels := map[string]string{}
	for i, want := range pattern {
		if !strings.HasPrefix(want, "{") {
			if segments[i] != want {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(segments[i])
		if err != nil || value == "" {
			return nil, false
		}
		labels[strings.Trim(want, "{}")] = value
	}
	return labels, true
}

// readInput collects a call's parameters: labels and body members by their names,
// the query under "query". A body that is no JSON object is left out; the
// operations that need members then refuse the call.
func readInput(call *Call, labels map[string]string, body []byte) object {
	input := object{}
	if len(body) > 0 {
		if err := json.Unmarshal(body, &input); err != nil || input == nil {
			input = object{}
		}
	}
	for name, value := range labels {
		input[name] = value
	}
	if _, raw, ok := strings.Cut(call.Target, "?"); ok {
		query, _ := url.ParseQuery(raw)
		input["query"] = map[string][]string(query)
	}
	return input
}
