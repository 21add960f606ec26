package keyring

import "time"

// Match is what a policy does with a pattern over connection ids.
func Match(pattern, id string) (bool, error) {
	g, err := parseGlob(pattern)
	return err == nil && g.match(id), err
}

// Parse reads text as Open does.
func Parse(text []byte, regions ...string) (ids []string, err error) {
	keys, err := fileOf(&vocabulary{operations: apiOperations(), regions: regions}).Parse("keys.yaml", text)
	for _, k := range keys {
		ids = append(ids, k.id)
	}
	return ids, err
}

// Derived counts the signing keys at hand for a key id, and for "" those for
// unknown ids.
func (r *Ring) Derived(id string) int {
	k := r.nobody
	if id != "" {
		k = r.file.Value().byID[id]
	}
	have := k.signing.derived.Load()
	if have == nil {
		return 0
	}
	return len(*have)
}

// UnknownSecret is what unknown ids are verified with.
func (r *Ring) UnknownSecret() string { return r.nobody.signing.secret.Reveal() }

// DeriveFor makes a day's signing keys ahead, as Run does.
func (r *Ring) DeriveFor(day time.Time) { r.derive(r.file.Value(), day) }

// Matcher is a pattern made ready.
func Matcher(pattern string) func(id string) bool {
	g, err := parseGlob(pattern)
	if err != nil {
		panic(err)
	}
	return g.match
}
