package index

import (
	"context"
	"database/sql"
	"errors"
)

// session is a connection and the statements prepared on it. A database whose
// statements are not all closed stays open, and locked, after its own Close.
type session struct {
	*sql.Conn
	statements []*sql.Stmt
}

func (s *session) PrepareContext(ctx context.Context, query string) (*sql.Stmt, error) {
	stmt, err := s.Conn.PrepareContext(ctx, query)
	if err == nil {
		s.statements = append(s.statements, stmt)
	}
	return stmt, err
}

func (s *session) Close() error {
	var errs []error
	for _, stmt := range s.statements {
		errs = append(errs, stmt.Close())
	}
	return errors.Join(append(errs, s.Conn.Close())...)
}
