package console

import (
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// usageRow is a connection, or a caller with its key, as an exported row.
type usageRow struct {
	index.Usage
	until     time.Time      // when the connection's last answer in the cache goes; zero: none is in it
	key       *dashboard.Key // nil: there is none, or which there are is not known
	keysKnown bool
}

// connectionColumns and callerColumns are what the pages show, and what leads on
// from there, in an order that is promised; what comes later comes at the end.
func connectionColumns() []column[usageRow] {
	return []column[usageRow]{
		{"connection_id", func(u *usageRow) any { return u.ConnectionID }},
		{"calls", func(u *usageRow) any { return u.Calls }},
		{"refused", func(u *usageRow) any { return u.Refused }},
		callColumn("first_index", func(u *usageRow) uint64 { return u.First }),
		callColumn("last_index", func(u *usageRow) uint64 { return u.LastIndex }),
		lastColumn("last_event_id", func(e *audit.Event) any { return e.ID }),
		lastColumn("last_time", func(e *audit.Event) any { return e.Time }),
		lastColumn("last_principal", func(e *audit.Event) any { return e.Principal }),
		lastColumn("last_access_key_id", func(e *audit.Event) any { return e.AccessKeyID }),
		lastColumn("last_source_ip", func(e *audit.Event) any { return e.SourceIP }),
		{"cached_until", func(u *usageRow) any { return u.until }},
	}
}

func callerColumns() []column[usageRow] {
	return []column[usageRow]{
		{"principal", func(u *usageRow) any { return u.Principal }},
		{"access_key_id", func(u *usageRow) any { return u.AccessKeyID }},
		{"key_exists", func(u *usageRow) any {
			if !u.keysKnown {
				return nil
			}
			return u.key != nil
		}},
		keyColumn("key_expires", func(k *dashboard.Key) any { return k.Expires }),
		keyColumn("key_disabled", func(k *dashboard.Key) any { return k.Disabled }),
		{"calls", func(u *usageRow) any { return u.Calls }},
		{"refused", func(u *usageRow) any { return u.Refused }},
		callColumn("first_index", func(u *usageRow) uint64 { return u.First }),
		callColumn("last_index", func(u *usageRow) uint64 { return u.LastIndex }),
		lastColumn("last_event_id", func(e *audit.Event) any { return e.ID }),
		lastColumn("last_time", func(e *audit.Event) any { return e.Time }),
		lastColumn("last_source_ip", func(e *audit.Event) any { return e.SourceIP }),
	}
}

// callColumn is a column about the calls, of which a key that was never used has none.
func callColumn(name string, of func(*usageRow) uint64) column[usageRow] {
	return column[usageRow]{name, func(u *usageRow) any {
		if u.Calls == 0 {
			return nil
		}
		return of(u)
	}}
}

// lastColumn is a column about the last call, which the log may not have any more.
func lastColumn(name string, of func(*audit.Event) any) column[usageRow] {
	return column[usageRow]{name, func(u *usageRow) any {
		if u.Last == nil {
			return nil
		}
		return of(&u.Last.Event)
	}}
}

// keyColumn is a column about the key, if there is one.
func keyColumn(name string, of func(*dashboard.Key) any) column[usageRow] {
	return column[usageRow]{name, func(u *usageRow) any {
		if u.key == nil {
			return nil
		}
		return of(u.key)
	}}
}
