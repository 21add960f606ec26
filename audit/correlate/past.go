package correlate

import (
	"math"
	"time"

	"github.com/gatepost-proxy/gatepost/audit"
)

// past is what a log tells that is read for longer than is remembered, before the
// first Tick: its attempts without a verdict, most likely from before there was
// any correlation. Of the others nothing is kept.
type past struct {
	order  []pastAttempt
	unsaid map[pastAttempt]bool // and whether none was expected
	read   int
	oldest int64 // time of the entries of this stride
}

type pastAttempt struct {
	call key
	no   uint8
}

const (
	// pastStride is how many entries have to agree on the time before something is
	// forgotten: a clock may have been wrong for a moment.
	pastStride = 4096

	// pastSlack is how long after its time the verdict on an attempt may stand in
	// the log without being said twice. More after it, the process was down.
	pastSlack = 24 * time.Hour
)

func (p *past) add(call key, a *attempt) {
	if !call.isUUID() {
		return // its name is gone
	}
	if p.unsaid == nil {
		p.unsaid = make(map[pastAttempt]bool)
	}
	k := pastAttempt{call, a.no}
	p.unsaid[k] = a.traits&unexpected != 0
	p.order = append(p.order, k)
}

// leaveBehind forgets while a log is read of which nobody knows how long it is.
func (c *Correlator) leaveBehind(at int64) {
	p := &c.past
	if p.read == 0 {
		p.oldest = math.MaxInt64
	}
	p.oldest = min(p.oldest, at)
	if p.read++; p.read == pastStride {
		p.read = 0
		c.forgetBefore(floorDiv(p.oldest-c.keepFor()-int64(pastSlack), minute))
	}
}

// sayPast gives the attempts that were left behind their verdict.
func (c *Correlator) sayPast() {
	for _, k := range c.past.order {
		unexpected, ok := c.past.unsaid[k]
		if !ok {
			continue
		}
		call := k.call.String()
		e := c.newEvent(audit.KindVerdict, idTime(call, nanos(c.stamp)))
		e.Of, e.OfAttempt, e.State, e.Detail = call, int(k.no), string(Unknown), unsettled
		if unexpected {
			e.State, e.Detail = string(NotExpected), ""
		}
		c.say(e)
	}
	c.past = past{}
}
