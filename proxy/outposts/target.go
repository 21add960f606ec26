package outposts

import "strings"

// Target is what a request means.
type Target struct {
	// Operation is nil for a well-formed request outside the table.
	Operation *Operation
	// ReadOnly is the operation's, and whether the method is GET outside the
	// table.
	ReadOnly bool
	// ConnectionID is the decoded label of GetConnection, else "".
	ConnectionID string
	// Path and Query are in canonical encoding, for signing and sending.
	Path, Query string
}

// Name is the operation's name, or Unknown.
func (t *Target) Name() string {
	if t.Operation == nil {
		return Unknown
	}
	return t.Operation.Name
}

// Kind is the class of a refusal.
type Kind string

const (
	Malformed        Kind = "malformed"          // answer 400 ValidationException
	MethodNotAllowed Kind = "method_not_allowed" // answer 405: no operation has this method
)

// Error refuses a request that cannot be a call of this API. Its text is for
// the caller and contains nothing of the request.
type Error struct {
	Kind Kind
	text string
}

func (e *Error) Error() string { return e.text }

func malformed(text string) *Error { return &Error{Kind: Malformed, text: text} }

const (
	// maxPath bounds the raw path. A ConnectionId of 1024 characters, all
	// escaped, makes one of 3085.
	maxPath = 4096
	// maxConnectionLabel is a ConnectionId of greatest length, all escaped.
	maxConnectionLabel = 3 * maxConnectionID

	connections = "/connections/"
)

// Parse identifies the operation that a request calls from its method and its
// path and query as received: still percent-encoded, without '?'. A request
// that has the form of a call but is not in the table comes back with a nil
// Operation; one that AWS and a hop before it might understand differently is
// refused with an *Error.
func Parse(method, rawPath, rawQuery string) (Target, error) {
	t, err := parse(method, rawPath, rawQuery)
	if err != nil {
		return Target{}, err
	}
	return t, nil
}

func parse(method, rawPath, rawQuery string) (t Target, err *Error) {
	switch method {
	case "GET", "POST", "PUT", "PATCH", "DELETE":
	default:
		return t, &Error{Kind: MethodNotAllowed, text: "No operation has this method."}
	}
	if len(rawPath) > maxPath {
		return t, malformed("The path is too long.")
	}
	if label, ok := strings.CutPrefix(rawPath, connections); ok && method == "GET" && strings.IndexByte(label, '/') < 0 {
		t.Operation = getConnection
		t.ConnectionID, t.Path, err = parseConnection(rawPath, label)
	} else {
		t.Path, err = canonicalPath(rawPath)
		if err == nil {
			t.Operation = routes.find(method, t.Path)
		}
	}
	if err != nil {
		return t, err
	}
	t.ReadOnly = method == "GET"
	if rawQuery == "" {
		return t, nil
	}
	if t.Operation == getConnection || t.Operation == startConnection {
		return t, malformed("The operation takes no query.")
	}
	t.Query, err = canonicalQuery(rawQuery)
	return t, err
}
