package audit

import "strconv"

// MaxLineBytes bounds a line, so that it fits an entry bundle of C2SP
// tlog-tiles, whose lengths have 16 bits. The caps of the fields sum to less.
const MaxLineBytes = 65535

// AppendLine appends the canonical line of e, without a newline. The event's
// own V is not looked at: what this package writes is of [Version].
func AppendLine(dst []byte, e *Event) []byte {
	return AppendBody(AppendHead(dst, e.Index), e)
}

// AppendHead appends the part of a line that holds the index.
func AppendHead(dst []byte, index uint64) []byte {
	dst = append(dst, `{"v":1,"index":`...)
	return strconv.AppendUint(dst, index, 10)
}

// AppendBody appends all of a line that follows its head. It allocates nothing
// beyond growing dst.
//
// Empty fields are left out, except id, kind, time and origin on every line;
// read_only, decision and cache on intents and outcomes; status and error_class
// on outcomes; of_attempt on verdicts; age_ms in every fill. On those lines an empty cache and an
// empty error class are written as "none"; a class outside the closed set is
// written as "other" on any.
func AppendBody(dst []byte, e *Event) []byte {
	call := e.Kind == KindIntent || e.Kind == KindOutcome
	outcome := e.Kind == KindOutcome

	w := writer{dst: dst, cut: truncatedFields(e.Truncated)}
	w.must(fieldID, e.ID)
	w.must(fieldKind, string(e.Kind))
	w.time(e.Time)
	w.must(fieldOrigin, e.Origin)

	w.string(fieldPrincipal, e.Principal)
	w.string(fieldAccessKeyID, e.AccessKeyID)
	w.string(fieldSourceIP, e.SourceIP)
	w.int("source_port", int64(e.SourcePort))
	if t := e.TLS; t != nil {
		w.open("tls", '{')
		w.string(fieldTLSVersion, t.Version)
		w.string(fieldTLSCipher, t.Cipher)
		w.string(fieldTLSClient, t.Client)
		w.close('}')
	}
	w.string(fieldUserAgent, e.UserAgent)

	w.string(fieldOperation, e.Operation)
	w.bool("read_only", e.ReadOnly, call)
	w.string(fieldRegion, e.Region)
	w.string(fieldConnectionID, e.ConnectionID)
	w.string(fieldPath, e.Path)

	if call {
		w.must(fieldDecision, string(e.Decision))
	} else {
		w.string(fieldDecision, string(e.Decision))
	}
	w.string(fieldReason, e.Reason)
	w.bool("repeat", e.Repeat, false)
	cache := e.Cache
	if cache == "" && call {
		cache = CacheNone
	}
	w.string(fieldCache, string(cache))
	if f := e.Fill; f != nil {
		w.open("fill", '{')
		w.string(fieldFillEventID, f.EventID)
		w.string(fieldFillRequestID, f.RequestID)
		w.number("age_ms", f.AgeMS, true)
		w.close('}')
	}

	if u := e.Upstream; u != nil {
		w.open("upstream", '{')
		w.string(fieldUpstreamAccount, u.Account)
		w.string(fieldUpstreamIdentityARN, u.IdentityARN)
		w.string(fieldUpstreamAccessKeyID, u.AccessKeyID)
		w.string(fieldUpstreamEndpoint, u.Endpoint)
		w.close('}')
	}
	w.attempts(e.Attempts)

	w.number("status", int64(e.Status), outcome)
	class := e.ErrorClass
	switch {
	case class == "" && outcome:
		class = ErrorClassNone
	case class != "" && !class.Valid():
		class = ErrorClassOther
	}
	w.string(fieldErrorClass, string(class))
	w.string(fieldErrorCode, e.ErrorCode)
	w.string(fieldResponseSHA256, e.ResponseSHA256)
	w.int("response_bytes", e.ResponseBytes)
	w.int("duration_us", e.DurationUS)
	w.int("commit_us", e.CommitUS)
	w.bool("client_gone", e.ClientGone, false)

	w.string(fieldAction, e.Action)
	w.string(fieldOf, e.Of)
	w.number("of_attempt", int64(e.OfAttempt), e.Kind == KindVerdict)
	w.string(fieldState, e.State)
	w.string(fieldCloudTrailEventID, e.CloudTrailEventID)
	w.string(fieldEvidence, e.Evidence)
	w.int("lag_ms", e.LagMS)
	w.differences(e.Differences)
	if e.Count != 0 {
		w.key("count")
		w.dst = strconv.AppendUint(w.dst, e.Count, 10)
	}
	w.string(fieldDetail, e.Detail)
	w.truncated()
	return append(w.dst, '}')
}
