package livefile

import (
	"fmt"

	"github.com/goccy/go-yaml/token"
)

// The parser's stack grows with the nesting, and an overflow of it cannot be
// recovered from; its time grows with the square. The files at hand nest seven deep
// and need nothing of what is rare.
const (
	maxNesting = 32
	maxRare    = 32
)

// excess says what of a text is more than the parser may be given, and where. The
// lexer, whose tokens these are, neither recurs nor is slow.
func excess(tokens token.Tokens) (problem string, at *token.Position) {
	var columns []int // of the tokens that begin further right than the one before
	brackets, rare := 0, 0
	for _, t := range tokens {
		switch t.Type {
		case token.CommentType:
			continue
		case token.SequenceStartType, token.MappingStartType:
			brackets++
		case token.SequenceEndType, token.MappingEndType:
			brackets = max(brackets-1, 0)
		case token.AnchorType, token.AliasType, token.TagType, token.MappingKeyType,
			token.DirectiveType, token.DocumentHeaderType, token.DocumentEndType:
			rare++
		case token.SequenceEntryType:
			if brackets > 0 { // where it means nothing
				rare++
			}
		}
		// Within brackets, indentation nests nothing.
		if brackets == 0 {
			for len(columns) > 0 && columns[len(columns)-1] >= t.Position.Column {
				columns = columns[:len(columns)-1]
			}
			columns = append(columns, t.Position.Column)
		}
		switch {
		case len(columns)+brackets > maxNesting:
			return fmt.Sprintf("is nested deeper than %d levels", maxNesting), t.Position
		case rare > maxRare:
			return fmt.Sprintf("has more than %d anchors, tags, documents and the like, of which none is needed", maxRare), t.Position
		}
	}
	return "", nil
}
