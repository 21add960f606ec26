// Package upstream makes the calls to AWS.
//
// A [Client] serves every region that it was configured with. It never forwards
// a caller's request: [Client.Do] builds a fresh one from the typed fields of a
// [Call], signs it last, with credentials of its own, and sends exactly the
// bytes that were signed. Of the caller's request nothing but the method, the
// canonical path and query, the body and the User-Agent goes out.
//
// What it promises:
//
//   - Every request that went out is in the list of attempts, of the answer or
//     of the error. net/http's silent replay of a request is prevented.
//   - A call ends within the configured timeout, waiting for its turn, for
//     credentials and for a retry included.
//   - At most one retry, of a read-only call, after a failure that AWS did not
//     decide on: no connection, a connection lost before the answer, or 500, 502,
//     503 or 504. Throttling, and an answer that names a time to come back, are
//     never retried.
//   - Redirects are not followed, an answer is read up to [MaxBody] bytes, and an
//     answer that is cut short is an error, never a short answer.
//   - Credentials are kept fresh in the background. Callers who need the same
//     session share one AssumeRole, and a failing source is left alone for a
//     growing while.
//
// An answer of AWS, an error of AWS included, is an [Answer]; an [*Error] means
// that there is no answer to relay. All methods are safe for concurrent use.
package upstream
