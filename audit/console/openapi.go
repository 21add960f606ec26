package console

import (
	_ "embed"
	"net/http"
)

//go:embed openapi.json
var openAPIDocument []byte // never written to

func (c *Console) openAPI(w http.ResponseWriter, _ *http.Request) error {
	reply(w, "application/json", openAPIDocument)
	return nil
}
