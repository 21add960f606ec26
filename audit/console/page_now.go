package console

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

const (
	// nowAge is how old the view of what happens now may be: that many viewers
	// look at it costs no more than that one does.
	nowAge = 2 * time.Second
	// countedFindings bounds the work of counting what is open.
	countedFindings = 100
	// measuredCalls is of how many calls latency is measured.
	measuredCalls = 500
)

// nowPage counts calls over time and tells of no single one, so that it is not
// recorded.
func (c *Console) nowPage(w http.ResponseWriter, r *http.Request) error {
	ranges := dashboard.Ranges()
	chosen := ranges[1]
	for _, each := range ranges {
		if each.Name == queryOf(r).span {
			chosen = each
		}
	}
	v, err := c.now.of(r.Context(), chosen, c.makeNow)
	if err != nil {
		return indexFailure(err)
	}
	return c.show(w, r, http.StatusOK, v)
}

// nowViews keeps the newest view of each range.
type nowViews struct {
	mu     sync.Mutex // guards byName, and makes others wait for a view in the making
	byName map[string]dashboard.Now
}

func (n *nowViews) of(ctx context.Context, chosen dashboard.Range, make func(context.Context, dashboard.Range) (dashboard.Now, error)) (dashboard.Now, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if v, ok := n.byName[chosen.Name]; ok && time.Since(v.At) < nowAge {
		return v, nil
	}
	v, err := make(ctx, chosen)
	if err != nil {
		return v, err
	}
	if n.byName == nil {
		n.byName = map[string]dashboard.Now{}
	}
	n.byName[chosen.Name] = v
	return v, nil
}

func (c *Console) makeNow(ctx context.Context, chosen dashboard.Range) (v dashboard.Now, err error) {
	now := time.Now().UTC()
	v = dashboard.Now{Since: now.Add(-chosen.Length), Until: now, Step: chosen.Step, Range: chosen.Name, At: now, Components: map[string]dashboard.Component{}}
	if v.Points, err = c.cfg.Index.Summary(ctx, v.Since, v.Until, v.Step); err != nil {
		return v, err
	}
	newest, err := c.cfg.Index.Query(ctx, index.Filter{Filter: audit.Filter{Kind: audit.KindOutcome}}, "", measuredCalls)
	if err != nil {
		return v, err
	}
	v.Newest = newest.Entries
	if v.Open, err = c.openFindings(ctx); err != nil {
		return v, err
	}
	ready := c.cfg.Ready(ctx)
	v.Ready = ready.Ready
	for name, part := range ready.Components {
		component := dashboard.Component{OK: part.OK, Reason: part.Reason, Details: part.Details}
		if part.Since != nil {
			component.Since = *part.Since
		}
		v.Components[name] = component
	}
	v.Keys = c.keys(ctx)
	return v, nil
}

// openFindings counts what nobody has acknowledged, by state.
func (c *Console) openFindings(ctx context.Context) ([]dashboard.OpenFindings, error) {
	page, err := c.cfg.Index.Query(ctx, index.Filter{Findings: index.OpenFindings}, "", countedFindings)
	if err != nil {
		return nil, err
	}
	counts := map[string]int{}
	for i := range page.Entries {
		counts[page.Entries[i].Event.State]++
	}
	var list []dashboard.OpenFindings
	for _, state := range index.FindingStates() {
		if counts[state] > 0 {
			list = append(list, dashboard.OpenFindings{State: state, Count: counts[state], More: page.Next != ""})
		}
	}
	return list, nil
}

// keys are the callers' keys, or nil if they cannot be told now.
func (c *Console) keys(ctx context.Context) []dashboard.Key {
	if c.cfg.Keys == nil {
		return nil
	}
	keys, err := c.cfg.Keys.Keys(ctx)
	if err != nil {
		c.log.WarnContext(ctx, "the dashboard cannot tell of callers' keys", slog.Any("err", err))
		return nil
	}
	return keys
}
