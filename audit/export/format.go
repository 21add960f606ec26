package export

import (
	"slices"

	"github.com/gatepost-proxy/gatepost/audit"
)

// Format names a form of output.
type Format string

const (
	JSONL Format = "jsonl"
	OCSF  Format = "ocsf"
	CSV   Format = "csv"
)

// formats is in the order in which help lists them. Never written to.
var formats = [...]Format{JSONL, OCSF, CSV}

// Formats returns every format.
func Formats() []Format { return slices.Clone(formats[:]) }

// Includes reports whether events of kind k belong to an export in this format
// unless somebody asks otherwise. The log as it is has everything; elsewhere an
// intent would only count a call twice, since its outcome says all of it.
func (f Format) Includes(k audit.Kind) bool { return f == JSONL || k != audit.KindIntent }
