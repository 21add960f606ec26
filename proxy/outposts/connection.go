package outposts

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

const (
	// A GetConnection answer has two levels and at most six members in one
	// object. These leave AWS room to add to it and bound the work on what is
	// something else.
	maxDepth   = 8
	maxMembers = 64
)

// CheckConnection decides what may be done with the body of a 200 answer to
// GetConnection for id. With an error, the body is no answer to that call and
// must not reach the caller: it is not one JSON object with each member once, or
// has a member of another type, or speaks of another connection. Without, it may
// be relayed, and kept only if it is complete: the API marks every member as
// optional and has no status, so an answer may lack what the caller polls for.
//
// Member names are compared exactly, as clients do, but two names that differ
// in letter case alone count as the same member given twice.
func CheckConnection(body []byte, id string) (complete bool, err error) {
	// Valid first: a Decoder read token by token does not see all faults.
	if !json.Valid(body) || !utf8.Valid(body) {
		return false, errors.New("check connection: not one JSON value")
	}
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	value, err := decodeOnce(decoder, 0)
	if err != nil {
		return false, fmt.Errorf("check connection: %w", err)
	}
	answer, ok := value.(map[string]any)
	if !ok {
		return false, errors.New("check connection: not a JSON object")
	}
	complete, err = checkAnswer(answer, id)
	if err != nil {
		return false, fmt.Errorf("check connection: %w", err)
	}
	return complete, nil
}

func checkAnswer(answer map[string]any, id string) (complete bool, err error) {
	got, complete, err := text(answer, "ConnectionId")
	if err != nil {
		return false, err
	}
	if got != id && answer["ConnectionId"] != nil {
		return false, errors.New("ConnectionId is another one")
	}
	var details map[string]any
	if member := answer["ConnectionDetails"]; member != nil {
		var ok bool
		if details, ok = member.(map[string]any); !ok {
			return false, errors.New("ConnectionDetails is not an object")
		}
	}
	for _, name := range []string{
		"ClientPublicKey", "ServerPublicKey", "ServerEndpoint", "ClientTunnelAddress", "ServerTunnelAddress",
	} {
		_, present, err := text(details, name)
		if err != nil {
			return false, err
		}
		complete = complete && present
	}
	member := details["AllowedIps"]
	addresses, ok := member.([]any)
	if !ok && member != nil {
		return false, errors.New("AllowedIps is not an array")
	}
	for _, address := range addresses {
		s, ok := address.(string)
		if !ok {
			return false, errors.New("AllowedIps holds something that is no string")
		}
		complete = complete && s != ""
	}
	return complete && len(addresses) > 0, nil
}

// text returns a string member, and whether it says anything.
func text(object map[string]any, name string) (s string, present bool, err error) {
	member := object[name]
	s, ok := member.(string)
	if !ok && member != nil {
		return "", false, fmt.Errorf("%s is not a string", name)
	}
	return s, s != "", nil
}

// decodeOnce decodes the next value and refuses an object that has a member
// twice: readers differ in which of the two they believe.
func decodeOnce(d *json.Decoder, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errors.New("too deep")
	}
	token, err := d.Token()
	if err != nil {
		return nil, err
	}
	switch token {
	case json.Delim('['):
		array := []any{}
		for d.More() {
			value, err := decodeOnce(d, depth+1)
			if err != nil {
				return nil, err
			}
			array = append(array, value)
		}
		_, err := d.Token()
		return array, err
	case json.Delim('{'):
		object := make(map[string]any)
		for d.More() {
			token, err := d.Token()
			if err != nil {
				return nil, err
			}
			name, _ := token.(string)
			if len(object) >= maxMembers {
				return nil, errors.New("an object has too many members")
			}
			for other := range object {
				if strings.EqualFold(name, other) {
					return nil, errors.New("an object has a member twice")
				}
			}
			if object[name], err = decodeOnce(d, depth+1); err != nil {
				return nil, err
			}
		}
		_, err := d.Token()
		return object, err
	}
	return token, nil
}
