package console

import (
	"cmp"
	"net/http"

	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

// findingsOnPage is fewer than rows, for each takes more room.
const findingsOnPage = 25

func (c *Console) findingsPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	q.chooseFindings()
	q.limit = findingsOnPage
	page, err := c.query(r.Context(), q)
	if err != nil {
		return pageFailure(err)
	}
	counts, err := c.openFindings(r.Context())
	if err != nil {
		return indexFailure(err)
	}
	return c.recorded(w, r, actionFindings, dashboard.Findings{
		State: q.filter.State, Which: q.findings, Values: withoutPlace(q.values), Entries: page.Entries, Next: page.Next, Later: q.cursor != "", Counts: counts,
	})
}

// chooseFindings has the view show the open ones, unless it is asked for others.
func (q *query) chooseFindings() { q.findings = cmp.Or(q.findings, index.OpenFindings) }

// acknowledgeForm acknowledges a finding, and goes back to where it was listed.
func (c *Console) acknowledgeForm(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	if _, err := c.acknowledged(w, r, q.note); err != nil {
		return err
	}
	back := q.next
	if back == "" {
		back = "/findings"
	}
	http.Redirect(w, r, back, http.StatusSeeOther)
	return nil
}
