package dashboard

import "net/http"

// Login is the view of whoever is not logged in.
type Login struct {
	Next   string // where to go then: a path of this listener
	Failed string // why the last try failed, if there was one
}

func (Login) view() (name, section, title string) { return "login", "", "Log in" }

// Problem is the view of what went wrong.
type Problem struct {
	Status int
	Detail string
	Back   string // a path where one may go on
}

func (v Problem) view() (name, section, title string) {
	return "problem", "", http.StatusText(v.Status)
}

// Crossing is the view of whoever follows a link from another site: to open it is
// his own decision, since what is looked at is recorded.
type Crossing struct {
	To string // a path and query of this listener
}

func (Crossing) view() (name, section, title string) { return "crossing", "", "Open gatepost?" }
