package outposts

import (
	"iter"
	"slices"
)

// Unknown is the name that stands for every call outside the operation table.
const Unknown = "Unknown"

// Operation is one operation of the API. Operations are shared by everybody:
// do not change one.
type Operation struct {
	Name   string
	Method string
	// Template is the path with a {Label} for each variable segment.
	Template string
	// ReadOnly is whether the operation changes nothing. The API's model does
	// not say; every GET of it reads and nothing else does.
	ReadOnly bool

	query  []Parameter
	errors string
}

// Parameter is a query parameter that the API's model gives an operation.
type Parameter struct {
	Name     string
	Required bool
	Repeated bool
}

// Query lists the parameters of the model. Parse does not hold requests to it:
// AWS adds some from time to time.
func (o *Operation) Query() iter.Seq[Parameter] { return slices.Values(o.query) }

// Models reports whether the API's model lists the error code for this
// operation. Clients raise their typed exception only for those.
func (o *Operation) Models(code string) bool {
	for i := range len(o.errors) {
		if modelled(o.errors[i]) == code {
			return true
		}
	}
	return false
}

// Operations lists every operation, sorted by name.
func Operations() []*Operation {
	all := make([]*Operation, len(operations))
	for i := range operations {
		all[i] = &operations[i]
	}
	return all
}

// Lookup finds an operation by its exact name.
func Lookup(name string) (*Operation, bool) {
	i, ok := slices.BinarySearchFunc(operations, name, func(o Operation, name string) int {
		switch {
		case o.Name < name:
			return -1
		case o.Name > name:
			return 1
		}
		return 0
	})
	if !ok {
		return nil, false
	}
	return &operations[i], true
}
