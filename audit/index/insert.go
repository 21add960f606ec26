package index

import (
	"context"
	"database/sql"
	"strings"
)

// manyRows is how many rows one statement inserts: past that, less and less of
// the time goes to the statement.
const manyRows = 64

// inserter inserts rows of one table, many to a statement.
type inserter struct {
	one, many *sql.Stmt
	columns   int
	args      []any // of rows that wait
}

// newInserter prepares the statements. The head goes up to VALUES, the tail
// comes after the rows.
func newInserter(ctx context.Context, c *session, head string, columns int, tail string) (*inserter, error) {
	row := "(?" + strings.Repeat(",?", columns-1) + ")"
	one, err := c.PrepareContext(ctx, head+" VALUES "+row+tail)
	if err != nil {
		return nil, err
	}
	many, err := c.PrepareContext(ctx, head+" VALUES "+row+strings.Repeat(","+row, manyRows-1)+tail)
	if err != nil {
		return nil, err
	}
	return &inserter{one: one, many: many, columns: columns}, nil
}

// add inserts a row, now or with one of those that follow; see flush.
func (i *inserter) add(ctx context.Context, row ...any) error {
	i.args = append(i.args, row...)
	if len(i.args) < manyRows*i.columns {
		return nil
	}
	_, err := i.many.ExecContext(ctx, i.args...)
	i.reset()
	return err
}

func (i *inserter) flush(ctx context.Context) error {
	defer i.reset()
	for at := 0; at < len(i.args); at += i.columns {
		if _, err := i.one.ExecContext(ctx, i.args[at:at+i.columns]...); err != nil {
			return err
		}
	}
	return nil
}

// reset forgets what waits.
func (i *inserter) reset() {
	clear(i.args)
	i.args = i.args[:0]
}
