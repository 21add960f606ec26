// Package sigv4 verifies and makes AWS Signature Version 4 signatures in the
// Authorization header.
//
// It is pure: it reads no clock, file or socket of its own, and knows nothing
// of net/http. A [Request] holds what came over the wire, undecoded; a
// [Verifier] checks everything about its signature that needs no secret and
// hands out a [Claim]; a [SigningKey] says whether the claim is true:
//
//	claim, err := verifier.Parse(&req)
//	if err != nil {
//		// err is an *Error: its Reason, Status and Public text say what to answer.
//	}
//	key := keys[claim.AccessKeyID] // or one that nobody has, so that an unknown id costs the same
//	if !claim.Verify(key) {
//		// refuse with PublicSignature
//	}
//
// The package promises that a claim which verifies was made by a holder of the
// secret for exactly this method, path, query, host, body, time and set of
// x-amz-* fields, and that there is one form only in which to say so: a
// signature in the query, an unsigned or streamed payload, a session token, a
// signed field sent twice and a path that would have to be cleaned up are
// refused rather than interpreted. The published test suite for Signature
// Version 4 contains such forms; [Profile] admits them one by one, and its zero
// value admits none.
//
// A Verifier that is no longer changed, a SigningKey and every function here
// are safe for concurrent use. A Claim and a Request belong to one goroutine.
package sigv4
