package trail

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail"
)

// overdue is how long after the end of its hour a digest has to be there, if a file
// is that was delivered later.
const overdue = 3 * time.Hour

// judgement is what is to be said of a window.
type judgement struct {
	completeness cloudtrail.Completeness
	reason       string
	timed        bool // time alone can change it
}

// judging gathers what is wrong with a window. The first of each kind counts.
type judging struct {
	source     *Source
	ctx        context.Context
	stream     *stream
	start, end time.Time       // of the deliveries
	listed     map[string]bool // log files, in digests
	last       bool            // a digest that begins behind the window's deliveries is there
	findings
}

// findings are why a window, or what a trail's digests say of it, is not complete.
type findings struct {
	problem string // it is incomplete
	awaited string // it is provisional: something that should be there may yet be copied
	wait    string // it is provisional: something is yet to be delivered
	doubt   string // it is not validated
	lapsed  string // there are no digests any more: a problem unless those of another trail do
}

func (f *findings) note(kind *string, format string, args ...any) {
	if *kind == "" {
		*kind = fmt.Sprintf(format, args...)
	}
}

// missing notes what a sync tool may yet bring: it is waited for since c was seen.
func (j *judging) missing(f *findings, c *content, format string, args ...any) {
	if j.source.asOf.Sub(c.first) < j.source.config.Grace {
		f.note(&f.awaited, format, args...)
		return
	}
	f.note(&f.problem, format, args...)
}

// judge says how much of the records of an hour was read. The log files that were
// delivered from then until SettleAfter after its end have been.
func (s *Source) judge(ctx context.Context, st *stream, hour time.Time) judgement {
	const expected = "log files with records of this window are still to be expected"
	j := &judging{source: s, ctx: ctx, stream: st, start: hour, end: s.settled(hour), listed: map[string]bool{}}
	if s.asOf.Before(j.end) {
		return judgement{cloudtrail.Provisional, expected, true}
	}
	if len(st.digests) == 0 && st.newest.Before(j.end) {
		j.wait = expected
	}
	for _, f := range st.delivered(hour, j.end) {
		if f.err != nil {
			j.missing(&j.findings, f.content, "log file %s: %v", f.base, f.err)
		}
	}
	j.backfills(st.backfills)
	proved := false
	var lapsed, doubt, wait string
	for _, trail := range slices.Sorted(maps.Keys(st.digests)) {
		f := j.chain(st.digests[trail])
		j.problem, j.awaited = first(j.problem, f.problem), first(j.awaited, f.awaited)
		if f == (findings{}) {
			proved = true
		}
		lapsed, doubt, wait = first(lapsed, f.lapsed), first(doubt, f.doubt), first(wait, f.wait)
	}
	if len(st.digests) > 0 {
		j.unlisted()
	}
	if !proved {
		j.problem, j.wait, j.doubt = first(j.problem, lapsed), first(j.wait, wait), first(j.doubt, doubt)
		if len(st.digests) == 0 {
			j.note(&j.doubt, "there are no digests")
		}
	}
	switch {
	case j.problem != "":
		return judgement{cloudtrail.Incomplete, j.problem, false}
	case j.awaited != "" || j.wait != "":
		return judgement{cloudtrail.Provisional, first(j.awaited, j.wait), j.awaited != ""}
	case j.doubt != "":
		return judgement{cloudtrail.CompleteUnvalidated, j.doubt, false}
	}
	return judgement{cloudtrail.Complete, "", false}
}

// chain holds the deliveries against the digests of one trail.
func (j *judging) chain(digests []*file) findings {
	var f findings
	covered := j.start // up to which the digests have been followed
	for i := len(digests) - len(from(digests, j.start)); i < len(digests); i++ {
		at := digests[i]
		c := j.source.load(j.ctx, at)
		if c.err != nil && !covered.Before(j.end) {
			j.last = true // there is none that could be asked
			break
		}
		if c.err != nil {
			j.missing(&f, c, "digest %s: %v", at.base, c.err)
			covered = later(covered, at.time)
			continue
		}
		d := c.digest
		j.link(&f, digests, i, covered)
		covered = later(covered, d.end)
		// CloudTrail names a file after the minute, or the five, in which it began to
		// gather the records: the digest after the window's can list one of its files.
		listed := j.entries(&f, c)
		behind := !d.StartTime.Before(j.end)
		if listed || !behind {
			var next *file
			if i+1 < len(digests) {
				next = digests[i+1]
			}
			j.signature(&f, at, next)
		}
		if behind {
			j.last = true
			break
		}
	}
	if covered.Before(j.end) {
		if j.stream.newest.Sub(digests[len(digests)-1].time) >= overdue+time.Hour {
			f.note(&f.lapsed, "no digest of what was delivered from %s on, though later files are there", stamp(covered))
		} else {
			f.note(&f.wait, "the digest of what was delivered from %s on is not there yet", stamp(covered))
		}
	}
	return f
}

// unlisted looks for log files that are in no digest.
func (j *judging) unlisted() {
	for _, l := range j.stream.delivered(j.start, j.end) {
		switch {
		case j.listed[l.base]:
		case j.last:
			j.note(&j.doubt, "log file %s is in no digest", l.base)
		default:
			j.note(&j.wait, "log file %s is in no digest yet", l.base)
		}
	}
}

// link checks that a digest follows the one before it in the list, and that this
// one covers what was delivered since covered.
func (j *judging) link(f *findings, digests []*file, i int, covered time.Time) {
	at, d := digests[i], digests[i].digest
	gap := d.StartTime.After(covered) && covered.Before(j.end)
	previous := parseName(d.Previous).base
	switch {
	case d.Previous == "" && gap:
		f.note(&f.doubt, "nothing validates what was delivered before %s, where a chain of digests begins", stamp(d.StartTime))
	case d.Previous == "":
	case i > 0 && digests[i-1].base == previous:
		if gap {
			f.note(&f.doubt, "no digest covers what was delivered from %s to %s", stamp(covered), stamp(d.StartTime))
		}
	case gap, i > 0 && digests[i-1].time.After(j.start) && !d.StartTime.After(covered):
		j.missing(f, at.content, "digest %s is missing, and what was delivered from %s to %s is not covered", first(previous, clip(d.Previous)), stamp(covered), stamp(d.StartTime))
	}
}

// signature checks a digest against what the next one says of it, if there is one,
// and its signature, which is there or in a file beside it.
func (j *judging) signature(f *findings, at, after *file) {
	signature := j.beside(f, at)
	if after != nil {
		next := j.source.load(j.ctx, after)
		if next.err == nil && parseName(next.digest.Previous).base == at.base {
			if next.digest.HashBy != "SHA-256" || next.digest.Hash != at.sum {
				f.note(&f.problem, "digest %s is not what the next one says: it was altered", at.base)
			}
			if s := next.digest.Signature; s != nil {
				if signature != "" && signature != *s {
					f.note(&f.problem, "digest %s has another signature than the next one says", at.base)
				}
				signature = *s
			}
		}
	}
	j.verify(f, at, signature, after == nil && at.kind == digest)
}

// verify checks a signature; pending holds if the digest that will tell it is yet
// to come.
func (j *judging) verify(f *findings, at *file, signature string, pending bool) {
	keys := j.source.keys
	if keys == nil {
		f.note(&f.doubt, "signatures are not checked: no public keys are configured")
		return
	}
	if signature == "" {
		if pending {
			f.note(&f.wait, "the signature of digest %s comes with the next one", at.base)
		} else {
			f.note(&f.doubt, "the signature of digest %s is not known", at.base)
		}
		return
	}
	err := keys.verify(at.digest, at.sum, signature)
	switch {
	case errors.Is(err, errNoKey):
		f.note(&f.doubt, "digest %s: %v", at.base, err)
	case err != nil:
		f.note(&f.problem, "digest %s: %v", at.base, err)
	}
}

// beside is the signature in a file beside a digest.
func (j *judging) beside(f *findings, at *file) string {
	file := j.stream.signatures[at.base]
	if file == nil {
		return ""
	}
	data, _, err := readSmall(j.ctx, file.path, maxSignatureBytes)
	var s string
	if err == nil {
		s, err = parseSignature(data)
	}
	if err != nil {
		f.note(&f.doubt, "signature %s: %v", file.path, err)
	}
	return s
}

// entries holds the window's log files against those that a digest lists, and
// reports whether it lists any.
func (j *judging) entries(f *findings, c *content) (listed bool) {
	for _, e := range c.digest.LogFiles {
		if e.name.kind != log || e.name.time.Before(j.start) || !e.name.time.Before(j.end) {
			continue
		}
		listed, j.listed[e.name.base] = true, true
		copies := j.stream.byBase[e.name.base]
		if len(copies) == 0 {
			j.missing(f, c, "log file %s is missing", e.name.base)
		}
		for _, l := range copies {
			if e.HashBy != "SHA-256" {
				f.note(&f.doubt, "log file %s has a hash of algorithm %q", e.name.base, clip(e.HashBy))
			} else if l.sum != "" && l.sum != e.Hash {
				j.missing(f, l.content, "log file %s is not what its digest says: it was altered", l.base)
			}
		}
	}
	return listed
}

// backfills takes the digests that name log files which others missed. Each names
// the one that was made before it, which may be of any hour.
func (j *judging) backfills(files []*file) {
	next := make(map[string]*file) // by the name of the one before
	there := make(map[string]bool)
	for _, at := range files {
		there[at.base] = true
		if c := j.source.load(j.ctx, at); c.err == nil && c.digest.Previous != "" {
			next[parseName(c.digest.Previous).base] = at
		}
	}
	for _, at := range files {
		c := j.source.load(j.ctx, at)
		if c.err != nil {
			if j.backfilled(at.time) {
				j.missing(&j.findings, c, "digest %s: %v", at.base, c.err)
			}
			continue
		}
		if j.entries(&j.findings, c) {
			j.signature(&j.findings, at, next[at.base])
		}
	}
	for _, at := range files {
		c := j.source.load(j.ctx, at)
		if c.err != nil {
			continue
		}
		if previous := parseName(c.digest.Previous); previous.kind == backfill && !there[previous.base] && j.backfilled(previous.time) {
			j.missing(&j.findings, c, "digest %s is missing, and what it lists is not known", previous.base)
		}
	}
}

// backfilled tells whether a backfill digest of that time may list a log file of
// the window.
func (j *judging) backfilled(at time.Time) bool {
	return at.After(j.start) && at.Before(j.end.Add(overdue))
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func first(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}
