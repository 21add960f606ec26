package dashboard

// For the tests of how things are written.
var (
	Visible  = visible
	Took     = took
	SpanText = spanText
	Bytes    = bytesText
)

// Number is number of an int64.
func Number(n int64) string { return number(n) }
