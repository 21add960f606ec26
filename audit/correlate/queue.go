package correlate

import (
	"container/heap"
	"slices"
)

// queue holds what is due at some time, in nanoseconds, and gives it back by the
// second in which it is due, in the order in which it came.
type queue[T any] struct {
	due   map[int64][]T
	order seconds
}

const second = int64(1e9)

func (q *queue[T]) push(due int64, item T) {
	if q.due == nil {
		q.due = make(map[int64][]T)
	}
	s := ceilDiv(due, second)
	list, known := q.due[s]
	if !known {
		heap.Push(&q.order, s)
	}
	q.due[s] = append(list, item)
}

// pop returns what is due at now and came first, by the second; nil when nothing
// more is due.
func (q *queue[T]) pop(now int64) []T {
	if len(q.order) == 0 || q.order[0] > floorDiv(now, second) {
		return nil
	}
	s := heap.Pop(&q.order).(int64)
	list := q.due[s]
	delete(q.due, s)
	return list
}

// seconds is a heap.
type seconds []int64

func (s seconds) Len() int           { return len(s) }
func (s seconds) Less(i, j int) bool { return s[i] < s[j] }
func (s seconds) Swap(i, j int)      { s[i], s[j] = s[j], s[i] }
func (s *seconds) Push(x any)        { *s = append(*s, x.(int64)) }
func (s *seconds) Pop() any {
	last := (*s)[len(*s)-1]
	*s = slices.Delete(*s, len(*s)-1, len(*s))
	return last
}

func floorDiv(a, b int64) int64 {
	q := a / b
	if a%b < 0 {
		q--
	}
	return q
}

func ceilDiv(a, b int64) int64 { return -floorDiv(-a, b) }
