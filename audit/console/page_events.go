package console

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console/dashboard"
	"github.com/gatepost-proxy/gatepost/audit/index"
)

func (c *Console) eventsPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	q := queryOf(r)
	indexed := c.cfg.Index.Indexed() // before the query, which may see more
	page, err := c.query(r.Context(), q)
	if err != nil {
		return pageFailure(err)
	}
	v := dashboard.Events{
		Entries: page.Entries, Next: page.Next, Values: withoutPlace(q.values), Later: q.cursor != "",
		Indexed: indexed, Size: max(indexed, c.cfg.Log.Size()), Unreadable: page.Unreadable, After: int64(indexed) - 1,
	}
	// Nothing that stands on the page comes again in the stream.
	if len(page.Entries) > 0 {
		v.After = max(v.After, int64(page.Entries[0].Event.Index))
	}
	return c.recorded(w, r, actionEvents, v)
}

func pageFailure(err error) error {
	if errors.Is(err, index.ErrCursor) {
		return badParameter("cursor", "The address is not that of a page.")
	}
	return indexFailure(err)
}

// withoutPlace are the filters alone.
func withoutPlace(values url.Values) url.Values {
	filters := make(url.Values)
	for name, list := range values {
		if name != "cursor" && name != "before" && name != "format" {
			filters[name] = list
		}
	}
	return filters
}

func (c *Console) eventPage(w http.ResponseWriter, r *http.Request) error {
	if err := c.limits.allow(r); err != nil {
		return err
	}
	id, entries, err := c.find(r.Context(), queryOf(r).id)
	switch {
	case errors.Is(err, index.ErrNotFound):
		return c.recordMissing(w, r, actionEvent, errNoEvent)
	case err != nil:
		return indexFailure(err)
	}
	s, err := tell(id, entries)
	if err != nil {
		return c.recordMissing(w, r, actionEvent, err)
	}
	v := dashboard.Event{VerifierKey: c.cfg.VerifierKey}
	for i := range entries {
		switch e := &entries[i].Event; {
		case e.ID != id:
			v.About = append(v.About, entries[i])
		case e.Index == s.event.Index:
			v.Entry = entries[i]
			if e.Kind == audit.KindIntent {
				v.Intent = &entries[i]
			}
		case e.Kind == audit.KindIntent:
			v.Intent = &entries[i]
		}
	}
	for _, a := range s.Attempts {
		v.Attempts = append(v.Attempts, dashboard.Attempt{State: a.State, Evidence: a.Evidence, CloudTrailEventID: a.CloudTrailEventID})
	}
	if v.Record, err = c.cloudTrailRecord(r.Context(), s); err != nil {
		return err
	}
	if f := s.event.Fill; f != nil && f.EventID != "" {
		told, err := c.fill(r.Context(), f.EventID)
		if err != nil {
			return err
		}
		v.FillState = told.State
		if v.Record == nil {
			v.Record = told.CloudTrailRecord
		}
	}
	return c.recorded(w, r, actionEvent, v)
}

// search leads to the one thing that a text names exactly, or else to the events
// that have it. What it finds out is recorded, as a page of events is.
func (c *Console) search(w http.ResponseWriter, r *http.Request) error {
	q := queryOf(r)
	asked := q.filter.Q
	if asked == "" {
		http.Redirect(w, r, "/events", http.StatusSeeOther)
		return nil
	}
	if err := c.limits.allow(r); err != nil {
		return err
	}
	to, err := c.place(r, asked)
	if err != nil {
		return indexFailure(err)
	}
	if err := c.record(w, r, actionEvents, http.StatusOK); err != nil {
		return err
	}
	http.Redirect(w, r, to, http.StatusSeeOther)
	return nil
}

// place is the address of what a text names.
func (c *Console) place(r *http.Request, asked string) (string, error) {
	ctx := r.Context()
	if newQuery().parse(url.Values{"id": {asked}}.Encode(), []parameter{{name: "id", set: idParameter.set}}) == nil {
		_, _, err := c.findNow(ctx, asked)
		if err == nil {
			return "/events/" + asked, nil
		}
		if !errors.Is(err, index.ErrNotFound) {
			return "", err
		}
	}
	for _, exact := range []struct {
		name   string
		filter audit.Filter
	}{
		{"connection", audit.Filter{Connection: asked}},
		{"principal", audit.Filter{Principal: asked}},
	} {
		page, err := c.cfg.Index.Query(ctx, index.Filter{Filter: exact.filter}, "", 1)
		if err != nil {
			return "", err
		}
		if len(page.Entries) == 0 {
			continue
		}
		if exact.name == "connection" {
			return dashboard.ConnectionPath(asked), nil
		}
		return "/events?" + url.Values{exact.name: {asked}}.Encode(), nil
	}
	return "/events?" + url.Values{"q": {asked}}.Encode(), nil
}
