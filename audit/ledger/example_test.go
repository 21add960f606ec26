package ledger_test

import (
	"fmt"
	"os"

	"github.com/gatepost-proxy/gatepost/audit/ledger"
)

// A receipt is checked with nothing but the log's verifier key.
func ExampleCheckProof() {
	proof, err := os.ReadFile("testdata/42-of-300.tlog-proof")
	if err != nil {
		panic(err)
	}
	const key = "gatepost/test+97e2fdc8+AQOhB7/zzhC+HXDdGOdLwJln5NYwm6UNXx3chmQSVTG4"
	r, err := ledger.CheckProof(proof, nil, key)
	if err != nil {
		fmt.Println("not proved:", err)
		return
	}
	fmt.Printf("entry %d of %s: %s by %s\n", r.Index, r.Origin, r.Event.Operation, r.Event.Principal)
	// Output: entry 42 of gatepost/test: GetConnection by installer-fra1
}
