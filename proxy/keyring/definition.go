package keyring

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/livefile"
)

// definition is one key as the file has it, checked.
type definition struct {
	id        string
	secret    Secret
	principal string
	expires   time.Time // zero: never
	disabled  bool
	allow     []Allow
}

// equal says that a key of one definition is a key of the other in every way.
func (d *definition) equal(o *definition) bool {
	return d.id == o.id &&
		d.secret.Reveal() == o.secret.Reveal() &&
		d.principal == o.principal &&
		d.expires.Equal(o.expires) &&
		d.disabled == o.disabled &&
		slices.EqualFunc(d.allow, o.allow, func(a, b Allow) bool {
			return slices.Equal(a.Operations, b.Operations) &&
				slices.Equal(a.Regions, b.Regions) &&
				slices.Equal(a.Connections, b.Connections)
		})
}

// vocabulary is what an allow entry may name.
type vocabulary struct {
	operations map[string]bool // name: whether it only reads
	regions    []string        // those that are served; nil when that is not known
}

func (v *vocabulary) checkOperation(name string) error {
	switch name {
	case anyOperation, readOnlyOperation, unknownOperation:
		return nil
	}
	if _, ok := v.operations[name]; !ok {
		return fmt.Errorf("%s is not an operation of the API, and not %q, %q or %q",
			quote(name), readOnlyOperation, anyOperation, unknownOperation)
	}
	return nil
}

func (v *vocabulary) checkRegion(name string) error {
	if v.regions != nil {
		if !slices.Contains(v.regions, name) {
			return fmt.Errorf("region %s is not served; upstream.regions has %s", quote(name), strings.Join(v.regions, ", "))
		}
		return nil
	}
	if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.Count(name, "-") < 2 ||
		!strings.Contains("0123456789", name[len(name)-1:]) {
		return fmt.Errorf("%s is not a region", quote(name))
	}
	return nil
}

// check is for a definition that comes from elsewhere than a file.
func (v *vocabulary) check(d *definition) error {
	errs := []error{livefile.CheckName("principal", d.principal)}
	if !d.expires.IsZero() {
		errs = append(errs, livefile.CheckTime(d.expires))
	}
	for i, a := range d.allow {
		if len(a.Operations) == 0 {
			errs = append(errs, fmt.Errorf("allow[%d]: no operation is named", i))
		}
		for _, list := range []struct {
			texts []string
			check func(string) error
		}{
			{a.Operations, v.checkOperation},
			{a.Regions, v.checkRegion},
			{a.Connections, checkGlob},
		} {
			for _, text := range list.texts {
				if err := list.check(text); err != nil {
					errs = append(errs, fmt.Errorf("allow[%d]: %w", i, err))
				}
			}
		}
	}
	return errors.Join(errs...)
}

// compile makes a policy of entries that were checked.
func (v *vocabulary) compile(entries []Allow) policy {
	rules := make(policy, len(entries))
	for i, a := range entries {
		r := rule{operations: make(map[string]bool), regions: a.Regions}
		for _, name := range a.Operations {
			switch name {
			case anyOperation:
				for op := range v.operations {
					r.operations[op] = true
				}
			case readOnlyOperation:
				for op, readOnly := range v.operations {
					if readOnly {
						r.operations[op] = true
					}
				}
			default:
				r.operations[name] = true
			}
		}
		for _, pattern := range a.Connections {
			if g, err := parseGlob(pattern); err == nil {
				r.connections = append(r.connections, g)
			}
		}
		rules[i] = r
	}
	return rules
}

// quote is for values in errors: on one line and of bounded length.
func quote(s string) string {
	const most = 64
	if len(s) > most {
		return fmt.Sprintf("%q…", s[:most])
	}
	return fmt.Sprintf("%q", s)
}
