package export

import (
	"strings"

	"github.com/gatepost-proxy/gatepost/audit"
)

// term is a member of one of OCSF's enumerations with its caption.
type term struct {
	id      int64
	caption string
}

const (
	classAPIActivity    = 6003
	categoryApplication = 6
)

var (
	activityUnknown = term{0, "Unknown"}
	activityCreate  = term{1, "Create"}
	activityRead    = term{2, "Read"}
	activityUpdate  = term{3, "Update"}
	activityDelete  = term{4, "Delete"}
)

// other is an activity, or a status, that the event's source names.
func other(name string) term { return term{99, name} }

// activityOf says what kind of doing an event records.
func activityOf(e *audit.Event) term {
	switch e.Kind {
	case audit.KindIntent, audit.KindOutcome, audit.KindFinding:
		return activityOfOperation(e.Operation, e.ReadOnly)
	case audit.KindVerdict:
		return other("Verdict")
	case audit.KindAdmin:
		return activityOfAction(e.Action)
	default:
		return other(firstOf(e.Action, string(e.Kind), "Other"))
	}
}

func activityOfOperation(name string, readOnly bool) term {
	switch verbOf(name) {
	case "Get", "List":
		return activityRead
	case "Create":
		return activityCreate
	case "Start":
		if name == "StartOutpostDecommission" {
			return other("Start")
		}
		return activityCreate
	case "Update", "Tag", "Untag", "Cancel":
		return activityUpdate
	case "Delete":
		return activityDelete
	}
	switch {
	case readOnly:
		return activityRead
	case name == "" || name == "Unknown":
		return activityUnknown
	}
	return other("Other")
}

// verbOf is an operation's name up to its second capital letter.
func verbOf(name string) string {
	if name == "" || name[0] < 'A' || 'Z' < name[0] {
		return ""
	}
	for i := 1; i < len(name); i++ {
		if 'A' <= name[i] && name[i] <= 'Z' {
			return name[:i]
		}
	}
	return ""
}

// activityOfAction goes by the words of an action, such as cache_purge.
func activityOfAction(action string) term {
	for word := range strings.FieldsFuncSeq(action, func(r rune) bool { return r == '_' || r == '.' || r == '-' || r == ' ' }) {
		switch word {
		case "read", "query", "list", "show", "view", "export", "stream", "download":
			return activityRead
		case "purge", "prune", "delete", "revoke":
			return activityDelete
		case "new", "create", "add":
			return activityCreate
		case "update", "change", "acknowledge", "enable", "disable", "reload":
			return activityUpdate
		}
	}
	return other(firstOf(action, "Other"))
}

var (
	informational = term{1, "Informational"}
	low           = term{2, "Low"}
	medium        = term{3, "Medium"}
	high          = term{4, "High"}
)

// severityOf is how much of an eye an event needs. That a call is missing in
// CloudTrail is an observation, which may have its reasons; that CloudTrail says
// something else than the log, or has a call that went round, is not.
func severityOf(e *audit.Event) term {
	switch e.Kind {
	case audit.KindIntent, audit.KindAdmin:
		return informational
	case audit.KindOutcome:
		return severityOfCall(e)
	case audit.KindVerdict:
		switch e.State {
		case "mismatched":
			return high
		case "missing":
			return medium
		case "late", "matched_weak", "unknown", "ambiguous":
			return low
		}
		return informational
	case audit.KindFinding:
		switch e.State {
		case "bypass":
			return high
		case "covered", "known_direct":
			return informational
		}
		return medium
	}
	switch e.Action {
	case "start", "stop", "segment", "checkpoint":
		return informational
	case "torn_tail", audit.ActionOutcomeUnknown, "answer_withheld", "suppression_started", "unauthenticated_summary":
		return medium
	}
	return low
}

func severityOfCall(e *audit.Event) term {
	if e.Action == audit.ActionOutcomeUnknown {
		return medium
	}
	switch e.ErrorClass {
	case audit.ErrorClassNone, "":
		return informational
	case audit.ErrorClassAudit:
		return high
	case audit.ErrorClassAccessDenied, audit.ErrorClassAWSAuth, audit.ErrorClassSignature, audit.ErrorClassPolicy,
		audit.ErrorClassUpstreamTLS, audit.ErrorClassUpstreamInvalid, audit.ErrorClassUpstreamCredentials:
		return medium
	}
	return low
}

var (
	statusUnknown = term{0, "Unknown"}
	statusSuccess = term{1, "Success"}
	statusFailure = term{2, "Failure"}
)

// statusOf is how it ended; of what has no end, the state that it is in.
func statusOf(e *audit.Event) term {
	switch e.Kind {
	case audit.KindIntent:
		return statusUnknown
	case audit.KindOutcome, audit.KindAdmin:
		switch {
		case e.Action == audit.ActionOutcomeUnknown:
			return statusUnknown
		case e.ErrorClass == audit.ErrorClassNone || e.ErrorClass == "":
			return statusSuccess
		}
		return statusFailure
	}
	return other(firstOf(e.State, e.Action, "Other"))
}

// control is what gatepost did about an event: actions and dispositions of the
// profile security_control.
type control struct {
	action, disposition term
	alert               bool
}

func controlOf(e *audit.Event) (c control, ok bool) {
	switch e.Kind {
	case audit.KindVerdict, audit.KindFinding:
		if severityOf(e).id >= medium.id {
			return control{term{3, "Observed"}, term{19, "Alert"}, true}, true
		}
		return control{term{3, "Observed"}, term{17, "Logged"}, false}, true
	}
	switch e.Decision {
	case audit.Allow:
		return control{term{1, "Allowed"}, term{1, "Allowed"}, false}, true
	case audit.Deny:
		return control{term{2, "Denied"}, term{2, "Blocked"}, false}, true
	}
	return control{}, false
}

// aboutAWS holds for what happened at AWS or was meant for it.
func aboutAWS(e *audit.Event) bool {
	return isCall(e) || e.Kind == audit.KindVerdict || e.Kind == audit.KindFinding
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
