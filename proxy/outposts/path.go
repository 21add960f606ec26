package outposts

// parseConnection reads the label of GetConnection, which must be a valid
// ConnectionId with nothing escaped but '+', '/' and '='. It returns substrings
// of rawPath where that is canonical already.
func parseConnection(rawPath, label string) (id, path string, err *Error) {
	const text = "ConnectionId does not match ^[a-zA-Z0-9+/=]{1,1024}$."
	if label == "" {
		return "", "", malformed(text)
	}
	escapes, canonical := 0, true
	for i := 0; i < len(label); i++ {
		c := label[i]
		switch {
		case in(c, digits, letters):
		case c == '+' || c == '=':
			canonical = false
		case c == '%' && i+2 < len(label):
			switch label[i+1 : i+3] {
			case "2B", "2F", "3D":
			case "2b", "2f", "3d":
				canonical = false
			default:
				return "", "", malformed(text)
			}
			escapes++
			i += 2
		default:
			return "", "", malformed(text)
		}
	}
	if len(label)-2*escapes > maxConnectionID {
		return "", "", malformed(text)
	}
	id, path = label, rawPath
	if escapes > 0 {
		id = unescapeConnection(label)
	}
	if !canonical {
		path = connectionPath(id)
	}
	return id, path, nil
}

// unescapeConnection decodes a label that parseConnection has checked. Its
// memory is on the stack, so that the result is all that is allocated.
func unescapeConnection(label string) string {
	var space [maxConnectionID]byte
	b := space[:0]
	for i := 0; i < len(label); i++ {
		c := label[i]
		if c == '%' {
			c, _ = unhex(label[i+1], label[i+2])
			i += 2
		}
		b = append(b, c)
	}
	return string(b)
}

func connectionPath(id string) string {
	var space [len(connections) + maxConnectionLabel]byte
	return string(EscapeLabel(append(space[:0], connections...), id))
}

// canonicalPath holds a path to the grammar of the whole API and encodes it
// anew. A label may be an ARN, so slashes and colons may be escaped. A character
// that is unreserved may not be: no client does it, and it would let one path be
// written in many ways. '%' may not occur in a label at all, so that nothing is
// left to be decoded a second time.
func canonicalPath(raw string) (string, *Error) {
	if raw == "" || raw[0] != '/' {
		return "", malformed("The path does not begin with a slash.")
	}
	if raw == "/" {
		return raw, nil
	}
	b := append(make([]byte, 0, len(raw)+16), '/')
	plain := true // in the first segment, which no operation has a label in
	var p part
	for i := 1; i < len(raw); i++ {
		c := raw[i]
		if c == '/' {
			if err := p.end(); err != nil {
				return "", err
			}
			b = append(b, '/')
			plain = false
			continue
		}
		if c == '%' {
			var ok bool
			if i+2 < len(raw) {
				c, ok = unhex(raw[i+1], raw[i+2])
			}
			if !ok {
				return "", malformed("The path has a broken percent-encoding.")
			}
			if in(c, unreservedLow, unreservedHigh) {
				return "", malformed("The path escapes a character that needs no escape.")
			}
			i += 2
		}
		if !in(c, labelLow, labelHigh) || plain && !in(c, unreservedLow, unreservedHigh) {
			return "", malformed("The path has a character that it cannot have there.")
		}
		if c == '/' { // escaped: a later hop may take it for a real one
			if err := p.end(); err != nil {
				return "", err
			}
		} else {
			p.add(c)
		}
		b = appendByte(b, c)
	}
	if err := p.end(); err != nil {
		return "", err
	}
	return string(b), nil
}

// part is what lies between two slashes, escaped or not.
type part struct{ size, dots int }

func (p *part) add(c byte) {
	p.size++
	if c == '.' {
		p.dots++
	}
}

// end closes a part and refuses one that a clean-up of the path would remove.
func (p *part) end() *Error {
	last := *p
	*p = part{}
	switch {
	case last.size == 0:
		return malformed("The path has an empty segment.")
	case last.size == last.dots && last.dots <= 2:
		return malformed("The path has a dot segment.")
	}
	return nil
}
