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
// As an [http.Handler] it answers CloudTrail's API as AWS's SDKs and command speak
// it: LookupEvents with its pages, its tokens and its throttling, and
// ListPublicKeys. [Start] serves it on loopback; [Simulator.Transport] carries
// requests to it without a network. Signatures are verified by signing each
// request again with the signer of AWS's own SDK. [Simulator.Script] makes requests
// to come go wrong, and [Simulator.Requests] tells what was asked.
//
// [Simulator.Trail] writes what is delivered as a trail's log files, with signed
// digests and with the faults that validation has to find.
//
// A simulator keeps what it is told in memory, some 200 bytes a call, and renders
// records when they are asked for. All methods are safe for concurrent use.
package cloudtrailtest
