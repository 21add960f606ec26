package main

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/suggest"
	"github.com/gatepost-proxy/gatepost/proxy/keyring"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
)

// parseAllow reads what --allow takes: OPERATIONS [in REGIONS] [on
// CONNECTIONS]. No list's items can hold a comma or a space, so the words need
// no quoting of their own.
func parseAllow(text string) (keyring.Allow, error) {
	lists := map[string][]string{}
	part := "operations"
	words := map[string][]string{}
	for word := range strings.FieldsSeq(text) {
		switch {
		case word == "in" && part == "operations":
			part = "regions"
			words[part] = []string{}
		case word == "on" && part != "connections":
			part = "connections"
			words[part] = []string{}
		default:
			words[part] = append(words[part], word)
		}
	}
	for part, w := range words {
		for item := range strings.SplitSeq(strings.Join(w, " "), ",") {
			item = strings.TrimSpace(item)
			switch {
			case item == "":
				return keyring.Allow{}, fmt.Errorf("the list of %s is empty or has an empty item", part)
			case strings.ContainsRune(item, ' '):
				return keyring.Allow{}, fmt.Errorf("%q: separate %s by commas; the form is OPERATIONS [in REGIONS] [on CONNECTIONS]", item, part)
			}
			lists[part] = append(lists[part], item)
		}
	}
	if len(lists["operations"]) == 0 {
		return keyring.Allow{}, errors.New("no operations: write some, such as GetConnection,StartConnection")
	}
	known := operationNames()
	for _, name := range lists["operations"] {
		if slices.Contains(known, name) {
			continue
		}
		if near := suggest.Nearest(name, known); near != "" {
			return keyring.Allow{}, fmt.Errorf("%q is not an operation: did you mean %s?", name, near)
		}
		return keyring.Allow{}, fmt.Errorf("%q is not an operation of the API, nor read-only, * or Unknown", name)
	}
	return keyring.Allow{Operations: lists["operations"], Regions: lists["regions"], Connections: lists["connections"]}, nil
}

// operationNames lists what an allow entry may name.
func operationNames() []string {
	var names []string
	for _, op := range outposts.Operations() {
		names = append(names, op.Name)
	}
	return append(names, "read-only", "*", "Unknown")
}

// formatAllow writes a as parseAllow reads it.
func formatAllow(a keyring.Allow) string {
	text := strings.Join(a.Operations, ",")
	if len(a.Regions) > 0 {
		text += " in " + strings.Join(a.Regions, ",")
	}
	if len(a.Connections) > 0 {
		text += " on " + strings.Join(a.Connections, ",")
	}
	return text
}

func formatAllows(list []keyring.Allow) string {
	if len(list) == 0 {
		return "nothing"
	}
	texts := make([]string, len(list))
	for i, a := range list {
		texts[i] = formatAllow(a)
	}
	return strings.Join(texts, "; ")
}

// completeAllow offers operations, also after a comma.
func completeAllow(_ *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
	done := typed[:strings.LastIndex(typed, ",")+1]
	var offers []string
	for _, name := range operationNames() {
		offers = append(offers, done+name)
	}
	return offers, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
}
