package keyring

import "github.com/gatepost-proxy/gatepost/proxy/outposts"

// apiOperations are the names of the API's operations, and whether each only
// reads.
func apiOperations() map[string]bool {
	table := outposts.Operations()
	operations := make(map[string]bool, len(table))
	for _, op := range table {
		operations[op.Name] = op.ReadOnly
	}
	return operations
}
