package correlate

// ref points to an element of a slab; 0 points to none.
type ref uint32

// slabChunk is how many elements are allocated together: large enough that the
// garbage collector sees few objects, small enough that little lies idle.
const slabChunk = 1024

// slab holds elements that neither move nor are known to the garbage collector
// one by one. The slots of those that were dropped are used again.
type slab[T any] struct {
	chunks []*[slabChunk]T
	free   []ref
	used   ref // slots that were ever in use; slot 0 is none
}

func (s *slab[T]) add(value T) ref {
	var r ref
	if n := len(s.free); n > 0 {
		r, s.free = s.free[n-1], s.free[:n-1]
	} else {
		s.used++
		r = s.used
		if int(r)/slabChunk == len(s.chunks) {
			s.chunks = append(s.chunks, new([slabChunk]T))
		}
	}
	*s.at(r) = value
	return r
}

func (s *slab[T]) at(r ref) *T { return &s.chunks[r/slabChunk][r%slabChunk] }

func (s *slab[T]) drop(r ref) {
	var zero T
	*s.at(r) = zero
	s.free = append(s.free, r)
}
