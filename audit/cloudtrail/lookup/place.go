package lookup

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// place is how far a source has read, as it is stored.
type place struct {
	Account   string    `json:"account,omitempty"` // whose records were read; "" while not known
	Tail      time.Time `json:"tail"`              // end of the newest reading
	Settled   time.Time `json:"settled"`           // all before was read after it had settled
	Unsettled time.Time `json:"unsettled"`         // where the sweep goes on after it
	Sweep     time.Time `json:"sweep"`             // and before it
}

func (s *Source) placeName() string { return "lookup-events/" + s.config.Region }

// load takes up where the source was, once. What another account's records led to
// says nothing of this one's.
func (s *Source) load(ctx context.Context) error {
	account := s.config.Account()
	if s.loaded {
		if s.place.Account != "" && account != "" && s.place.Account != account {
			s.config.Logger.WarnContext(ctx, "another account: its records are read from the start", "was", s.place.Account, "is", account)
			s.place = place{}
		}
		s.place.Account = cmp.Or(account, s.place.Account)
		return nil
	}
	raw, err := s.config.Places.Place(ctx, s.placeName())
	if err != nil {
		return fmt.Errorf("read the place of %s: %w", s.placeName(), err)
	}
	if raw != nil {
		if err := json.Unmarshal(raw, &s.place); err != nil {
			// Reading again what was read does no harm.
			s.config.Logger.WarnContext(ctx, "place cannot be read, starting over", "name", s.placeName(), "error", err)
			s.place = place{}
		}
	}
	s.loaded = true
	return s.load(ctx)
}

func (s *Source) save(ctx context.Context) error {
	raw, err := json.Marshal(s.place)
	if err != nil {
		return fmt.Errorf("encode the place of %s: %w", s.placeName(), err)
	}
	if err := s.config.Places.SetPlace(ctx, s.placeName(), raw); err != nil {
		return fmt.Errorf("store the place of %s: %w", s.placeName(), err)
	}
	return nil
}
