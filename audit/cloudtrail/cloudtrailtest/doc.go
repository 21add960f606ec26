// Package cloudtrailtest is a simulated CloudTrail for tests and demonstrations.
//
// A [Simulator] is told of calls with [Simulator.Add] and makes their records
// visible later, with the faults of its configuration: delay, loss, duplicates,
// corrections, masks. What it does depends on [Faults.Seed] and on the order of
// the calls alone. [Simulator.Delivered] and [Simulator.Arrived] give the records
// as raw JSON, and [Simulator.Truths] what really happened:
//
//	sim := cloudtrailtest.New(cloudtrailtest.Config{
//		Faults: cloudtrailtest.Faults{Seed: 1, Delay: cloudtrailtest.Exponential(5 * time.Minute), Loss: 0.01},
//	})
//	sim.Add(cloudtrailtest.Event{Operation: "GetConnection", ReadOnly: true, RequestID: "…"})
//	for raw := range sim.Delivered("us-west-2", from, to, asOf) { … }
//
// A simulator keeps what it is told in memory, some 200 bytes a call, and renders
// records when they are asked for. All methods are safe for concurrent use.
package cloudtrailtest
