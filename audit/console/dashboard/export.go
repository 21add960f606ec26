package dashboard

import "net/url"

// exportLink leads to an export.
type exportLink struct{ Name, Link string }

// exportsOf are the exports of the entries that filters choose.
func exportsOf(path string, filters url.Values) []exportLink {
	var list []exportLink
	for _, format := range []struct{ name, value string }{{"CSV", "csv"}, {"JSON lines", "jsonl"}, {"OCSF", "ocsf"}} {
		q := cloneValues(filters)
		q.Set("format", format.value)
		list = append(list, exportLink{format.name, pathWith(path, q)})
	}
	return list
}

// exportsOfList are the exports of a list of what calls are about. OCSF has
// events alone: it is of the calls themselves.
func exportsOfList(path string) []exportLink {
	calls := exportsOf("/export", url.Values{"kind": {"outcome"}})[2]
	calls.Name = "OCSF of the calls"
	return append(exportsOf(path, nil)[:2], calls)
}
