package main

import (
	"log"
	"log/slog"
	"strings"
)

// standardLog has Go's standard logger, to which net/http talks, write to the operators' log. Some of what it is told quotes bytes that
// came from AWS, as of an answer that nobody asked for: those are left out.
func standardLog(to *slog.Logger) {
	log.SetFlags(0)
	log.SetOutput(unquoted{to})
}

type unquoted struct{ to *slog.Logger }

func (u unquoted) Write(line []byte) (int, error) {
	text, _, quotes := strings.Cut(strings.TrimSpace(string(line)), `"`)
	if quotes {
		text += "…"
	}
	u.to.Warn("a library reports", slog.String("text", text))
	return len(line), nil
}
