package keyring

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/gatepost-proxy/gatepost/proxy/sigv4"
)

// service is the one that callers sign for.
const service = "outposts"

// dateLayout is that of a credential scope, always UTC.
const dateLayout = "20060102"

// signingKeys are what one secret becomes for the days and regions in use. They
// are derived when first asked for and kept: a day's keys until the day after
// the next is asked for, so that both days are at hand around midnight.
//
// The dates and regions asked for must have been checked against clock and
// configuration; that is what bounds them.
type signingKeys struct {
	secret  Secret
	derived atomic.Pointer[[]derivedKey] // replaced, never changed
	mu      sync.Mutex                   // serialises those who derive
}

type derivedKey struct {
	date, region string
	key          *sigv4.SigningKey
}

// key allocates nothing when the key is at hand.
func (s *signingKeys) key(date, region string) *sigv4.SigningKey {
	if k := s.find(date, region); k != nil {
		return k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.find(date, region); k != nil {
		return k
	}
	made := sigv4.DeriveKey(s.secret.Reveal(), date, region, service)
	var kept []derivedKey
	if have := s.derived.Load(); have != nil {
		previous := previousDate(*have, date)
		for _, d := range *have {
			if d.date == date || d.date == previous {
				kept = append(kept, d)
			}
		}
	}
	// The claim's strings are part of a request; keep no request alive for them.
	kept = append(kept, derivedKey{date: strings.Clone(date), region: strings.Clone(region), key: made})
	s.derived.Store(&kept)
	return made
}

func (s *signingKeys) find(date, region string) *sigv4.SigningKey {
	have := s.derived.Load()
	if have == nil {
		return nil
	}
	for i := range *have {
		if d := &(*have)[i]; d.date == date && d.region == region {
			return d.key
		}
	}
	return nil
}

// previousDate is the latest of the dates at hand that is not date itself: the
// day before it, or after it when a request of yesterday comes late.
func previousDate(have []derivedKey, date string) string {
	latest := ""
	for _, d := range have {
		if d.date != date && d.date > latest {
			latest = d.date
		}
	}
	return latest
}
