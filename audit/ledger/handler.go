package ledger

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

// What a tile holds never changes, so caches may keep it for good. Hashes tell
// nothing to strangers; entries do, so those are for the asker's own cache only.
const (
	cacheTile   = "public, max-age=31536000, immutable"
	cacheBundle = "private, max-age=31536000, immutable"
	cacheNever  = "no-cache"
	cacheError  = "no-store"
)

// Handler serves the log as C2SP tlog-tiles has it: /checkpoint, /tile/<L>/<N>
// and /tile/entries/<N>, each also in the partial form. Only what the newest
// checkpoint covers exists, and every hash and entry is checked against it
// before it leaves: a damaged tile is an error here, not somebody's bad cache.
//
// It authenticates nobody; entries are the audit log itself, so wrap it.
func (l *Ledger) Handler() http.Handler { return http.HandlerFunc(l.serve) }

func (l *Ledger) serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		fail(w, http.StatusMethodNotAllowed)
		return
	}
	// The grammar has no character that needs escaping: another spelling of a
	// path is another path.
	if r.URL.RawPath != "" {
		fail(w, http.StatusNotFound)
		return
	}
	c, _, _ := l.snapshot()
	name := strings.TrimPrefix(r.URL.Path, "/")
	if name == checkpointName {
		reply(w, r, "text/plain; charset=utf-8", cacheNever, c.note)
		return
	}
	t, err := parseTilePath(name)
	if err != nil || t.W > widthAt(t.L, t.N, int64(c.Size)) {
		fail(w, http.StatusNotFound)
		return
	}
	var data []byte
	cache := cacheTile
	if t.L == entriesLevel {
		cache = cacheBundle
		data, err = l.view().bundle(c, t)
	} else {
		data, err = l.view().tile(c, t)
	}
	if errors.Is(err, errNoLine) {
		fail(w, http.StatusNotFound)
		return
	}
	if err != nil {
		if _, damaged := errors.AsType[*DamagedError](err); damaged {
			l.reportDamage(err)
		} else {
			l.log.ErrorContext(r.Context(), "audit ledger: tile cannot be served", "path", name, "error", err)
		}
		fail(w, http.StatusInternalServerError)
		return
	}
	reply(w, r, "application/octet-stream", cache, data)
}

func reply(w http.ResponseWriter, r *http.Request, contentType, cache string, data []byte) {
	h := w.Header()
	h.Set("Content-Type", contentType)
	h.Set("Content-Length", strconv.Itoa(len(data)))
	h.Set("Cache-Control", cache)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodHead {
		return
	}
	// An error here is the client's going away.
	_, _ = w.Write(data)
}

func fail(w http.ResponseWriter, status int) {
	w.Header().Set("Cache-Control", cacheError)
	http.Error(w, http.StatusText(status), status)
}
