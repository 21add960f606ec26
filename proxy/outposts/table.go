package outposts

import "strings"

// operations is the API's model, version 2019-12-03, sorted by name. A query
// parameter ends in '*' if it is required and in "[]" if it may be repeated.
// The last column holds the errors: see modelled.
var operations = []Operation{
	operation("CancelCapacityTask", "POST", "/outposts/{OutpostId}/capacity/{CapacityTaskId}", "", "VANCI"),
	operation("CancelOrder", "POST", "/orders/{OrderId}/cancel", "", "VCANI"),
	operation("CreateOrder", "POST", "/orders", "", "VCANIQ"),
	operation("CreateOutpost", "POST", "/outposts", "", "VCNAIQ"),
	operation("CreateRenewal", "POST", "/renewals", "", "AINV"),
	operation("CreateSite", "POST", "/sites", "", "VCAIQ"),
	operation("DeleteOutpost", "DELETE", "/outposts/{OutpostId}", "", "VCNAI"),
	operation("DeleteSite", "DELETE", "/sites/{SiteId}", "", "VCNAI"),
	operation("GetCapacityTask", "GET", "/outposts/{OutpostId}/capacity/{CapacityTaskId}", "", "VANI"),
	operation("GetCatalogItem", "GET", "/catalog/item/{CatalogItemId}", "", "VNAI"),
	operation("GetConnection", "GET", "/connections/{ConnectionId}", "", "AVNI"),
	operation("GetOrder", "GET", "/orders/{OrderId}", "", "VNI"),
	operation("GetOutpost", "GET", "/outposts/{OutpostId}", "", "VNAI"),
	operation("GetOutpostBillingInformation", "GET", "/outpost/{OutpostIdentifier}/billing-information", "NextToken MaxResults", "AIN"),
	operation("GetOutpostInstanceTypes", "GET", "/outposts/{OutpostId}/instanceTypes", "NextToken MaxResults", "VNAI"),
	operation("GetOutpostSupportedInstanceTypes", "GET", "/outposts/{OutpostId}/supportedInstanceTypes", "OrderId AssetId MaxResults NextToken", "VANI"),
	operation("GetRenewalPricing", "GET", "/outpost/{OutpostIdentifier}/renewal-pricing", "", "AINV"),
	operation("GetSite", "GET", "/sites/{SiteId}", "", "VNAI"),
	operation("GetSiteAddress", "GET", "/sites/{SiteId}/address", "AddressType*", "VANI"),
	operation("ListAssetInstances", "GET", "/outposts/{OutpostId}/assetInstances", "AssetIdFilter[] InstanceTypeFilter[] AccountIdFilter[] AwsServiceFilter[] MaxResults NextToken", "VANI"),
	operation("ListAssets", "GET", "/outposts/{OutpostId}/assets", "HostIdFilter[] MaxResults NextToken StatusFilter[] AssetTypeFilter[]", "VANI"),
	operation("ListBlockingInstancesForCapacityTask", "GET", "/outposts/{OutpostId}/capacity/{CapacityTaskId}/blockingInstances", "MaxResults NextToken", "VANI"),
	operation("ListCapacityTasks", "GET", "/capacity/tasks", "OutpostIdentifierFilter MaxResults NextToken CapacityTaskStatusFilter[]", "VANI"),
	operation("ListCatalogItems", "GET", "/catalog/items", "NextToken MaxResults ItemClassFilter[] SupportedStorageFilter[] EC2FamilyFilter[]", "VNAI"),
	operation("ListOrders", "GET", "/list-orders", "OutpostIdentifierFilter NextToken MaxResults", "VNAI"),
	operation("ListOutposts", "GET", "/outposts", "NextToken MaxResults LifeCycleStatusFilter[] AvailabilityZoneFilter[] AvailabilityZoneIdFilter[]", "VAI"),
	operation("ListSites", "GET", "/sites", "NextToken MaxResults OperatingAddressCountryCodeFilter[] OperatingAddressStateOrRegionFilter[] OperatingAddressCityFilter[]", "VAI"),
	operation("ListTagsForResource", "GET", "/tags/{ResourceArn}", "", "IVN"),
	operation("StartCapacityTask", "POST", "/outposts/{OutpostId}/capacity", "", "VANIC"),
	operation("StartConnection", "POST", "/connections", "", "AVNI"),
	operation("StartOutpostDecommission", "POST", "/outposts/{OutpostId}/decommission", "", "VCNAI"),
	operation("TagResource", "POST", "/tags/{ResourceArn}", "", "IVN"),
	operation("UntagResource", "DELETE", "/tags/{ResourceArn}", "tagKeys*[]", "IVN"),
	operation("UpdateOutpost", "PATCH", "/outposts/{OutpostId}", "", "VCNAI"),
	operation("UpdateSite", "PATCH", "/sites/{SiteId}", "", "VCNAI"),
	operation("UpdateSiteAddress", "PUT", "/sites/{SiteId}/address", "", "VANCI"),
	operation("UpdateSiteRackPhysicalProperties", "PATCH", "/sites/{SiteId}/rackPhysicalProperties", "", "VCNAI"),
}

func operation(name, method, template, query, errors string) Operation {
	o := Operation{Name: name, Method: method, Template: template, ReadOnly: method == "GET", errors: errors}
	for field := range strings.FieldsSeq(query) {
		field, repeated := strings.CutSuffix(field, "[]")
		field, required := strings.CutSuffix(field, "*")
		o.query = append(o.query, Parameter{Name: field, Required: required, Repeated: repeated})
	}
	return o
}

// modelled is the error code that a letter stands for in the table.
func modelled(letter byte) string {
	switch letter {
	case 'A':
		return "AccessDeniedException"
	case 'C':
		return "ConflictException"
	case 'I':
		return "InternalServerException"
	case 'N':
		return "NotFoundException"
	case 'Q':
		return "ServiceQuotaExceededException"
	case 'V':
		return "ValidationException"
	}
	return ""
}
