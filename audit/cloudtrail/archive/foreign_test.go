package archive_test

import (
	"database/sql"
	"testing"
)

// foreign makes a database that is no archive.
func foreign(t *testing.T, path string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE other (a)`); err != nil {
		t.Fatal(err)
	}
}
