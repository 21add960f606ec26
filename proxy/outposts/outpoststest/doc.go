// Package outpoststest is a simulated AWS for tests and demonstrations, as
// net/http/httptest is a server for tests of HTTP: the Outposts API with all its
// operations, and the two operations of STS that a proxy needs, over real HTTP.
//
//	sim, err := outpoststest.Start(outpoststest.Config{})
//	if err != nil { … }
//	defer sim.Close()
//	client := outposts.New(outposts.Options{
//		BaseEndpoint: &sim.URL,
//		Region:       sim.Region(),
//		Credentials:  sim.Credentials(),
//	})
//
// Signatures are verified by signing each request again with the signer of AWS's
// own SDK, never with gatepost's, so that an error in gatepost's signing cannot
// hide in its test. Sessions that the simulated STS issued are known to the
// simulated Outposts, with their expiry and revocation. A refusal has the status,
// the code and the form that AWS gives it.
//
// [Simulator.Script] makes the calls to come go wrong in scripted ways, from a
// throttle to a body without end. Every call that passed the door, and every one
// that was refused there, is kept as a [Call] with all that CloudTrail would
// know of it; a simulated CloudTrail is fed from [Config.Observer].
//
// The simulator keeps what it learns in memory without bound. All methods are
// safe for concurrent use.
package outpoststest
