package audit_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/gatepost-proxy/gatepost/audit"
)

func TestNewID(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 59, 59, 123456789, time.UTC)
	u, err := uuid.Parse(audit.NewID(now))
	if err != nil {
		t.Fatal(err)
	}
	if u.Version() != 7 || u.Variant() != uuid.RFC4122 {
		t.Errorf("%s is of version %d, variant %s", u, u.Version(), u.Variant())
	}
	if sec, nsec := u.Time().UnixTime(); sec != now.Unix() || nsec/1e6 != 123 {
		t.Errorf("%s is of time %d.%09d, want that of %s to the millisecond", u, sec, nsec, now)
	}
}

func TestNewIDSortsByTime(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 59, 59, 999_990_000, time.UTC)
	last := audit.NewID(now)
	for range 100 {
		now = now.Add(300 * time.Nanosecond)
		id := audit.NewID(now)
		if id <= last {
			t.Fatalf("id %s of %s does not sort behind %s", id, now, last)
		}
		last = id
	}
}

func TestNewIDIsUnique(t *testing.T) {
	now := time.Now()
	seen := map[string]bool{}
	for range 10000 {
		id := audit.NewID(now)
		if seen[id] {
			t.Fatalf("%s came twice", id)
		}
		seen[id] = true
	}
}

func TestErrorClasses(t *testing.T) {
	classes := audit.ErrorClasses()
	if len(classes) != 23 {
		t.Errorf("%d classes, want the contract's 23", len(classes))
	}
	for _, c := range classes {
		if !c.Valid() {
			t.Errorf("%s is not valid", c)
		}
	}
	for _, c := range []audit.ErrorClass{"", "None", "timeout"} {
		if c.Valid() {
			t.Errorf("%q is valid", c)
		}
	}
	classes[0] = "changed"
	if !audit.ErrorClassNone.Valid() {
		t.Error("a caller can change the set")
	}
}
