package export

import "strconv"

// object appends the members of a JSON object and of those within it. Names are
// ours and are not escaped.
type object struct{ b []byte }

// element starts a value in an array, or what key needs before a name.
func (o *object) element() {
	if last := o.b[len(o.b)-1]; last != '{' && last != '[' {
		o.b = append(o.b, ',')
	}
}

func (o *object) key(name string) {
	o.element()
	o.b = append(o.b, '"')
	o.b = append(o.b, name...)
	o.b = append(o.b, '"', ':')
}

// open starts a nested value with its bracket, "" being an array's element. What
// it returns is for close.
func (o *object) open(name string, bracket byte) (mark int) {
	mark = len(o.b)
	if name == "" {
		o.element()
	} else {
		o.key(name)
	}
	o.b = append(o.b, bracket)
	return mark
}

// close ends a nested value, and takes it back if nothing is in it.
func (o *object) close(mark int) {
	switch o.b[len(o.b)-1] {
	case '{', '[':
		o.b = o.b[:mark]
		return
	}
	// The bracket that mark's value begins with is the first behind its name,
	// which holds none.
	for i := mark; ; i++ {
		switch o.b[i] {
		case '{':
			o.b = append(o.b, '}')
			return
		case '[':
			o.b = append(o.b, ']')
			return
		}
	}
}

// text leaves out a string that is empty.
func (o *object) text(name, s string) {
	if s != "" {
		o.key(name)
		o.value(s)
	}
}

// texts is text for several that stand as one.
func (o *object) texts(name string, parts ...string) {
	o.key(name)
	o.b = append(o.b, '"')
	for _, s := range parts {
		o.b = AppendQuoted(o.b, s)
	}
	o.b = append(o.b, '"')
}

func (o *object) value(s string) {
	o.b = append(o.b, '"')
	o.b = AppendQuoted(o.b, s)
	o.b = append(o.b, '"')
}

// list leaves out a list that is empty.
func (o *object) list(name string, elements []string) {
	mark := o.open(name, '[')
	for _, s := range elements {
		o.element()
		o.value(s)
	}
	o.close(mark)
}

func (o *object) int(name string, n int64) {
	o.key(name)
	o.b = strconv.AppendInt(o.b, n, 10)
}

// number leaves out 0, which in the log means that it does not apply.
func (o *object) number(name string, n int64) {
	if n != 0 {
		o.int(name, n)
	}
}

// flag leaves out false.
func (o *object) flag(name string, b bool) {
	if b {
		o.key(name)
		o.b = append(o.b, "true"...)
	}
}
