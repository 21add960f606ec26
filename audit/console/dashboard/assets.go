package dashboard

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io/fs"
	"net/http"
	"path"
	"strconv"
	"strings"
)

//go:embed assets
var assetFiles embed.FS

// AssetsPath is where Assets have to be served.
const AssetsPath = "/assets/"

// assets are files under names that change with their content.
type assets struct {
	paths map[string]string // by the file's name
	files map[string]asset  // by path
}

type asset struct {
	contentType string
	content     []byte
}

func newAssets() *assets {
	a := &assets{paths: make(map[string]string), files: make(map[string]asset)}
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	entries, err := fs.ReadDir(assetFiles, "assets")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		content, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		extension := path.Ext(e.Name())
		at := AssetsPath + strings.TrimSuffix(e.Name(), extension) + "-" + base64.RawURLEncoding.EncodeToString(sum[:9]) + extension
		a.paths[e.Name()] = at
		a.files[at] = asset{types[extension], content}
	}
	return a
}

func (a *assets) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	file, ok := a.files[r.URL.EscapedPath()]
	if !ok {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", file.contentType)
	h.Set("Content-Length", strconv.Itoa(len(file.content)))
	h.Set("Cache-Control", "public, max-age=31536000, immutable")
	if r.Method != http.MethodHead {
		_, _ = w.Write(file.content) // whoever left needs no answer
	}
}
