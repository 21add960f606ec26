package main

import (
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/audit/console"
	"github.com/gatepost-proxy/gatepost/audit/journal"
)

func newAuditShowCommand(p *program) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Tell everything about one event",
		Long: `Tells the story of an event: who asked for what, what was decided, what was sent to
AWS, how it ended, and what CloudTrail says about it.

ID is an event's id, which callers get in X-Gatepost-Event-Id, or its position in
the log, which they get in X-Gatepost-Event-Index; or AWS's id of a request, which
leads to the call that made it or to the finding about it. --output json prints one
object, as the API has it, in which the log's lines are as stored.`,
		Example: `  gatepost audit show 01985c2a-7e4b-7c3d-9a51-2b8f6c0d1e2f
  gatepost audit show 4711 --output json
  gatepost audit show 0d4d0b27-6a4e-4d41-9d1c-8f8a3c6d2f11 --server http://127.0.0.1:9090`,
		Args: oneArgument("the id of an event or of a request to AWS, or a position in the log"),
	}
	addLogFlags(cmd)
	addServerFlags(cmd)
	output := addOutputFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		want, err := parseEventName(args[0])
		if err != nil {
			return err
		}
		s, err := p.server(cmd)
		if err != nil {
			return err
		}
		if s != nil {
			return p.showServer(cmd.Context(), s, want, output.value)
		}
		dir, err := p.logDir(cmd)
		if err != nil {
			return err
		}
		var story eventStory
		damaged := &damage{program: p}
		if want.id == "" {
			if want.id, err = idAt(dir, want.index, damaged); err != nil {
				return err
			}
		}
		if want.id != "" {
			reader, done, err := newStoryReader(cmd.Context(), dir, damaged)
			if err != nil {
				return err
			}
			story, err = reader.read(cmd.Context(), want.id)
			if err := errors.Join(err, done()); err != nil {
				return err
			}
		}
		if story.event == nil && want.id == "" && want.index < damaged.pruned {
			return nil // which it has told
		}
		if story.event == nil {
			return answerNo("there is no event %s in the log %s", args[0], dir)
		}
		if output.value == "json" {
			err = story.writeJSON(p)
		} else {
			err = story.write(p)
		}
		if err != nil {
			return err
		}
		return damaged.err()
	}
	return cmd
}

// eventName is how somebody names an event.
type eventName struct {
	id    string // "" when it is named by its index
	index uint64
}

// idAt returns the id of the event at a position, "" when the log has none
// there that can be read.
func idAt(dir string, index uint64, damaged *damage) (string, error) {
	for line, err := range journal.ReadDir(dir, index) {
		if damaged.take(err) {
			continue
		}
		if err != nil {
			return "", err
		}
		if line.Index != index {
			break
		}
		r, _ := damaged.parse(line)
		return r.event.ID, nil
	}
	return "", nil
}

func parseEventName(text string) (eventName, error) {
	if index, err := strconv.ParseUint(text, 10, 64); err == nil {
		return eventName{index: index}, nil
	}
	if id, err := uuid.Parse(text); err == nil && len(text) == 36 {
		return eventName{id: id.String()}, nil
	}
	if len(text) <= 128 && strings.Trim(text, idCharacters) == "" {
		return eventName{id: text}, nil // of a request to AWS
	}
	return eventName{}, misuse("%q is neither an id nor a position in the log: write one such as 01985c2a-7e4b-7c3d-9a51-2b8f6c0d1e2f or 4711", text)
}

const idCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"

// eventStory is what the log has about one event.
type eventStory struct {
	event  *record // the outcome of a call; the line itself for other kinds
	intent *record
	about  []record // verdicts and others about it, newest first while reading
	fill   *console.Fill
	record json.RawMessage // CloudTrail's
}

// add takes in a record, of those that mention id, newest first, and reports
// whether nothing more can follow.
func (s *eventStory) add(r record, id string) (complete bool) {
	r = r.kept()
	switch {
	case r.event.ID == id && r.event.Kind == audit.KindIntent:
		s.intent = &r
		if s.event == nil {
			s.event = &r // the call is in flight, or was cut short
		}
		return true
	case r.event.ID == id:
		s.event = &r
		// Only a call to AWS has an intent before it.
		return r.event.Kind != audit.KindOutcome || r.event.Decision == audit.Deny || r.event.Cache == audit.CacheHit
	case r.event.Of == id:
		s.about = append(s.about, r)
	}
	return false
}

// words joins what is not empty.
func words(list ...string) string {
	return strings.Join(slices.DeleteFunc(list, func(s string) bool { return s == "" }), " ")
}
