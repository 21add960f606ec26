package cloudtrail

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Decoder reads the records of gatepost's service out of a CloudTrail log file,
// {"Records":[…]}, in the file's order. It holds one record at a time. Records of
// other services are passed over: of them only the nesting is checked.
//
// A Decoder is used by one goroutine.
type Decoder struct {
	scanner
	place place
	empty bool // no element of the list has been read
}

// place is where in the file a Decoder is.
type place int

const (
	before place = iota
	within       // the list of records
	behind       // that list
)

// MalformedError is the error for a record that is complete and yet not one that
// [ParseRecord] accepts. The records after it can be read.
type MalformedError struct {
	Offset int64 // of the record, in the uncompressed file
	Err    error
}

func (e *MalformedError) Error() string {
	return fmt.Sprintf("record at byte %d: %v", e.Offset, e.Err)
}

func (e *MalformedError) Unwrap() error { return e.Err }

// NewDecoder returns a Decoder of what r reads, which is not compressed.
func NewDecoder(r io.Reader) *Decoder {
	return &Decoder{scanner: scanner{r: r}}
}

// Next returns the next record whose eventSource is [EventSource], and io.EOF when
// the file has ended as it should. A [MalformedError] concerns one record. Any
// other error is final and says at which byte of the uncompressed file it occurred.
func (d *Decoder) Next() (Record, error) {
	for d.err == nil {
		if d.place != within {
			d.members()
			continue
		}
		raw, offset := d.element()
		if raw == nil {
			continue
		}
		if ours, err := concerns(raw); err != nil {
			return Record{}, &MalformedError{Offset: offset, Err: err}
		} else if !ours {
			continue
		}
		r, err := ParseRecord(raw)
		if err != nil {
			return Record{}, &MalformedError{Offset: offset, Err: err}
		}
		return r, nil
	}
	return Record{}, d.err
}

// concerns reports whether a record is one of ours. Nearly all records of a trail
// are not, and do not so much as contain the name.
func concerns(raw []byte) (bool, error) {
	if !bytes.Contains(raw, []byte(EventSource)) && !bytes.Contains(raw, []byte(`\u`)) {
		return false, nil
	}
	var d struct {
		EventSource string `json:"eventSource"`
	}
	if err := json.Unmarshal(raw, &d); err != nil {
		return false, err
	}
	return d.EventSource == EventSource, nil
}

// element reads the list's next record, or its end.
func (d *Decoder) element() (raw []byte, offset int64) {
	if d.peek() == ']' {
		d.pos++
		d.place = behind
		return nil, 0
	}
	if !d.empty {
		d.want(',')
	}
	d.empty = false
	if c := d.peek(); d.err == nil && c != '{' {
		d.fail(fmt.Errorf("%q in place of a record", c))
	}
	offset = d.offset()
	return d.value(), offset
}

// members reads the file's object up to the list of records, or from there to the
// end of the file.
func (d *Decoder) members() {
	first := d.place == before
	if first {
		d.want('{')
	}
	for d.err == nil {
		if d.peek() == '}' {
			d.pos++
			if d.place == before {
				d.fail(errors.New("a log file without Records"))
			}
			d.end()
			return
		}
		if !first {
			d.want(',')
		}
		first = false
		if c := d.peek(); d.err == nil && c != '"' {
			d.fail(fmt.Errorf("%q in place of a member", c))
		}
		isRecords := string(d.value()) == `"Records"`
		d.want(':')
		switch c := d.peek(); {
		case !isRecords:
			d.value()
		case d.place == behind:
			d.fail(errors.New("a second list of Records"))
		case c == '[':
			d.pos++
			d.place, d.empty = within, true
			return
		case string(d.value()) == "null":
			d.place = behind
		default:
			d.fail(errors.New("the Records are no list"))
		}
	}
}
