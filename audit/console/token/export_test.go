package token

import "time"

// Poll is one look of Run.
func (s *Store) Poll() { s.file.Poll() }

// Definition is a token as a file has it.
type Definition struct {
	Name    string
	Role    Role
	Sum     [32]byte
	Expires time.Time
}

// Parse reads text as Open does.
func Parse(text []byte) ([]Definition, error) {
	tokens, err := tokensFile().Parse("tokens.yaml", text)
	if err != nil {
		return nil, err
	}
	list := make([]Definition, len(tokens))
	for i, d := range tokens {
		list[i] = Definition{Name: d.name, Role: d.role, Sum: d.sum, Expires: d.expires}
	}
	return list, nil
}
