// Package outposts knows the API of AWS Outposts as far as a proxy must: which
// operations there are, which requests mean them, and when an answer to
// GetConnection is whole.
//
// It is pure and reads nothing but its arguments. [Parse] turns the raw method,
// path and query of a request into a [Target]:
//
//	target, err := outposts.Parse("GET", "/connections/a%2Fb%3D", "")
//	// target.Operation.Name == "GetConnection", target.ConnectionID == "a/b="
//
// It promises that two requests with one Target mean the same to AWS, and that
// there is nothing left in Target.Path and Target.Query for a later hop to
// clean up: what could be read in two ways (a dot segment, an empty segment, a
// second layer of percent-encoding, an encoded character that needs none, ';')
// is refused. Every label is decoded once, here, and nowhere again. Target.Path
// and Target.Query are in the one canonical encoding, ready to be signed and
// sent as they are.
//
// Everything here is safe for concurrent use.
package outposts
