package index

// field is a column of the log that queries can choose by. Fields are stored:
// new ones go to the end.
type field int64

const (
	// fieldListed has one value, empty: the entries that a page of events shows
	// when it is not asked for a kind.
	fieldListed field = iota + 1
	fieldKind
	fieldPrincipal
	fieldConnection
	fieldOperation
	fieldRegion
	fieldDecision
	fieldCache
	fieldErrorClass
	fieldState
	fieldUserAgent
	fieldAccessKey
	// fieldCaller has pairs of principal and key, see callerText.
	fieldCaller
)

// isText holds for the fields that full text looks into.
func (f field) isText() bool {
	switch f {
	case fieldPrincipal, fieldConnection, fieldUserAgent, fieldAccessKey:
		return true
	}
	return false
}

// A posting's key is the name of the value and the chunk.
const (
	postingChunkBits = 24
	maxChunk         = 1<<postingChunkBits - 1
)

func postingKey(name, chunk int64) int64 { return name<<postingChunkBits | chunk }
