package token

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// problem is an RFC 9457 document of the type about:blank, whose title is that of
// the status.
type problem struct {
	Type   string `json:"type"`
	Title  string `json:"title"`
	Status int    `json:"status"`
	Detail string `json:"detail"`
}

// challenge is how RFC 6750 asks for a token.
const challenge = `Bearer realm="gatepost"`

func refuse(w http.ResponseWriter, status int, detail string) {
	body, _ := json.Marshal(problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail}) // texts and a number always encode
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // whoever left needs no answer
}

func refuseNobody(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", challenge)
	refuse(w, http.StatusUnauthorized, "An admin token is needed, in the field Authorization with the scheme Bearer.")
}

// refuseToken does not tell an expired token from one that never was.
func refuseToken(w http.ResponseWriter) {
	w.Header().Set("WWW-Authenticate", challenge+`, error="invalid_token"`)
	refuse(w, http.StatusUnauthorized, "The admin token is not valid.")
}

func refuseRole(w http.ResponseWriter, need Role) {
	w.Header().Set("WWW-Authenticate", challenge+`, error="insufficient_scope"`)
	refuse(w, http.StatusForbidden, fmt.Sprintf("This needs a token with the role %s.", need))
}

func refuseRemote(w http.ResponseWriter) {
	refuse(w, http.StatusForbidden, "Without a tokens file, requests are taken from this machine alone.")
}
