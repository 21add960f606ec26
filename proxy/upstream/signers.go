package upstream

import (
	"container/list"
	"context"
	"sync"
)

// maxSessions bounds the sessions kept for principals. Beyond it the one that was
// not used for the longest time goes, and costs an AssumeRole when its principal
// comes back.
const maxSessions = 1024

// signers finds the credentials of each call: the base ones, those of one role
// that all share, or those of a session for each principal.
type signers struct {
	base   *session
	shared *session                        // base itself when no role is assumed, nil with one for each principal
	open   func(principal string) *session // makes a principal's session
	caller *caller                         // finds out whose the base credentials are; nil when that is not to be asked
	work   *background
	limit  int

	mu          sync.Mutex // guards the fields below
	byPrincipal map[string]*list.Element
	order       *list.List // of *principalSession, the latest used first
}

type principalSession struct {
	principal string
	session   *session
}

func newSessions(base *session, work *background, open func(principal string) *session) *signers {
	return &signers{
		base: base, open: open, work: work, limit: maxSessions,
		byPrincipal: map[string]*list.Element{}, order: list.New(),
	}
}

// sign is what a call for this principal is to be signed with.
func (s *signers) sign(ctx context.Context, principal string) (*snapshot, error) {
	set, err := s.of(principal).get(ctx)
	if err != nil || s.shared != s.base || s.caller == nil {
		return set, err
	}
	return s.caller.name(set), nil
}

// refused says that AWS did not accept the set that a call was signed with.
func (s *signers) refused(principal string, set *snapshot) {
	s.of(principal).refuse(set)
}

func (s *signers) of(principal string) *session {
	if s.shared != nil {
		return s.shared
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if e := s.byPrincipal[principal]; e != nil {
		s.order.MoveToFront(e)
		return e.Value.(*principalSession).session
	}
	p := &principalSession{principal, s.open(principal)}
	s.byPrincipal[principal] = s.order.PushFront(p)
	if s.order.Len() > s.limit {
		oldest := s.order.Remove(s.order.Back()).(*principalSession)
		delete(s.byPrincipal, oldest.principal)
	}
	return p.session
}

// ready reports whether calls can be signed, for all that is known without making
// one. With a role for each principal that is: there are base credentials, and
// AssumeRole did not fail for every principal that tried.
func (s *signers) ready(ctx context.Context) (Identity, error) {
	if s.shared != nil {
		set, err := s.sign(ctx, "")
		if err != nil {
			return Identity{}, err
		}
		return set.identity, nil
	}
	set, err := s.base.get(ctx)
	if err != nil {
		return Identity{}, err
	}
	return set.identity, s.everySessionFails()
}

func (s *signers) everySessionFails() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	var failure error
	for e := s.order.Front(); e != nil; e = e.Next() {
		valid, err := e.Value.(*principalSession).session.status()
		if valid {
			return nil
		}
		if failure == nil {
			failure = err
		}
	}
	return failure
}

func (s *signers) close() { s.work.close() }
