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
	// fieldFinding has the verdicts and findings that need an eye, see findingRank.
	fieldFinding
	fieldCount
)

// isText holds for the fields that full text looks into.
func (f field) isText() bool {
	switch f {
	case fieldPrincipal, fieldConnection, fieldUserAgent, fieldAccessKey:
		return true
	}
	return false
}

// Postings are kept in runs of chunks, about a million entries, so that what is
// written lies together, however large the table has become. A key is made of
// the run, the name of the value, and the chunk in the run.
const (
	runBits   = 6
	runChunks = 1 << runBits
	nameBits  = 39
	maxChunk  = 1<<(63-nameBits) - 1
)

func postingKey(name, chunk int64) int64 {
	return chunk>>runBits<<(runBits+nameBits) | name<<runBits | chunk&(runChunks-1)
}

func chunkOfPosting(key int64) int64 {
	return key>>(runBits+nameBits)<<runBits | key&(runChunks-1)
}
