package trail

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

const (
	placeName    = "trail-files"
	placeVersion = 1

	// maxKept bounds the place. Windows beyond are judged again after a restart.
	maxKept = 20_000
)

// place is what was told of the windows. Only those that are done with outlast a
// restart; what is lost of it is read again.
type place struct {
	windows map[placeKey]told
	loaded  bool
	changed bool
}

type placeKey struct {
	streamKey
	hour int64 // of Unix time
}

// told is what was said of a window, and the fingerprints of all files that it was
// said of and of the log files among them.
type told struct {
	Files        uint64                  `json:"f"`
	Logs         uint64                  `json:"l"`
	Completeness cloudtrail.Completeness `json:"c"`
	Final        bool                    `json:"-"`
	asOf         time.Time

	// Of what is not final, the time of the account's latest file then, and whether
	// time alone can change it.
	newest time.Time
	timed  bool
}

// placeFile is the place's form in [cloudtrail.Places].
type placeFile struct {
	Version int         `json:"v"`
	Windows []placeLine `json:"windows"`
}

type placeLine struct {
	Account string `json:"a"`
	Region  string `json:"r"`
	Hour    int64  `json:"h"`
	told
}

func (p *place) load(ctx context.Context, places cloudtrail.Places) error {
	if p.loaded {
		return nil
	}
	windows := map[placeKey]told{}
	if places != nil {
		data, err := places.Place(ctx, placeName)
		if err != nil {
			return fmt.Errorf("read place %s: %w", placeName, err)
		}
		var f placeFile
		// A place that is not understood is as good as none.
		if json.Unmarshal(data, &f) == nil && f.Version == placeVersion {
			for _, line := range f.Windows {
				line.Final = true
				windows[placeKey{streamKey{line.Account, line.Region}, line.Hour}] = line.told
			}
		}
	}
	// Whoever was told of a window may need it again beside the next one: a call at
	// its end is in both. So the last before one that is to be told is told again.
	p.windows, p.loaded = maps.Clone(windows), true
	maps.DeleteFunc(p.windows, func(key placeKey, _ told) bool {
		_, ok := windows[placeKey{key.streamKey, key.hour + 1}]
		return !ok
	})
	return nil
}

func (p *place) save(ctx context.Context, places cloudtrail.Places) error {
	if !p.changed || places == nil {
		return nil
	}
	f := placeFile{Version: placeVersion}
	for key, t := range p.windows {
		if t.Final {
			f.Windows = append(f.Windows, placeLine{key.account, key.region, key.hour, t})
		}
	}
	slices.SortFunc(f.Windows, func(a, b placeLine) int {
		return cmp.Or(cmp.Compare(b.Hour, a.Hour), cmp.Compare(a.Account, b.Account), cmp.Compare(a.Region, b.Region))
	})
	f.Windows = f.Windows[:min(len(f.Windows), maxKept)]
	data, err := json.Marshal(f)
	if err != nil {
		return fmt.Errorf("write place %s: %w", placeName, err)
	}
	if err := places.SetPlace(ctx, placeName, data); err != nil {
		return fmt.Errorf("write place %s: %w", placeName, err)
	}
	p.changed = false
	return nil
}

func (p *place) told(st streamKey, hour time.Time) (told, bool) {
	t, ok := p.windows[placeKey{st, hour.Unix() / 3600}]
	return t, ok
}

func (p *place) tell(st streamKey, hour time.Time, t told) {
	key := placeKey{st, hour.Unix() / 3600}
	if t.Final || p.windows[key].Final {
		p.changed = true
	}
	p.windows[key] = t
}

// forget drops the windows before hour.
func (p *place) forget(hour time.Time) {
	for key := range p.windows {
		if key.hour < hour.Unix()/3600 {
			delete(p.windows, key)
		}
	}
}
