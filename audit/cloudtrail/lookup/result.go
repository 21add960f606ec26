package lookup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	sdk "github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// What came of a request.
const (
	ResultOK           = "ok"
	ResultThrottled    = "throttled"
	ResultAccessDenied = "access_denied"
	ResultCredentials  = "credentials" // there are none, or AWS does not take them
	ResultExpiredToken = "expired_token"
	ResultTimeout      = "timeout"
	ResultConnect      = "connect"
	ResultServerError  = "server_error"
	ResultError        = "error"
)

// Results are all values of Observer.Lookup.
func Results() []string {
	return []string{
		ResultOK, ResultThrottled, ResultAccessDenied, ResultCredentials, ResultExpiredToken,
		ResultTimeout, ResultConnect, ResultServerError, ResultError,
	}
}

// Error is a request that failed.
type Error struct {
	Result string // one of [Results]
	Err    error
}

func (e *Error) Error() string { return "CloudTrail LookupEvents: " + e.Err.Error() }

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// transient holds for what passes without anybody doing anything.
func (e *Error) transient() bool {
	switch e.Result {
	case ResultThrottled, ResultTimeout, ResultConnect, ResultServerError:
		return true
	}
	return false
}

// classify says what an error of a request is.
func classify(err error) string {
	if _, ok := errors.AsType[*credentialsError](err); ok {
		return ResultCredentials
	}
	if api, ok := errors.AsType[smithy.APIError](err); ok {
		if result := classifyCode(api.ErrorCode()); result != "" {
			return result
		}
	}
	if response, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		switch status := response.HTTPStatusCode(); {
		case status == http.StatusTooManyRequests:
			return ResultThrottled
		case status >= 500:
			return ResultServerError
		}
	}
	network, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded), ok && network.Timeout():
		return ResultTimeout
	case ok, errors.Is(err, io.ErrUnexpectedEOF): // amid the answer
		return ResultConnect
	}
	if _, ok := errors.AsType[*smithyhttp.RequestSendError](err); ok {
		return ResultConnect
	}
	return ResultError
}

func classifyCode(code string) string {
	if _, ok := retry.DefaultThrottleErrorCodes[code]; ok {
		return ResultThrottled
	}
	switch code {
	case "TooManyRequests":
		return ResultThrottled
	case "AccessDenied", "AccessDeniedException", "UnauthorizedOperation", "OperationNotPermittedException":
		return ResultAccessDenied
	case "UnrecognizedClientException", "InvalidClientTokenId", "InvalidSignatureException", "SignatureDoesNotMatch",
		"ExpiredToken", "ExpiredTokenException", "MissingAuthenticationToken", "MissingAuthenticationTokenException",
		"IncompleteSignature", "IncompleteSignatureException", "OptInRequired":
		return ResultCredentials
	case "InvalidNextTokenException":
		return ResultExpiredToken
	case "InternalFailure", "InternalError", "ServiceUnavailable", "ServiceUnavailableException":
		return ResultServerError
	}
	return ""
}

// reason says what is wrong to whoever has to do something about it.
func (s *Source) reason(err error) string {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		return err.Error()
	}
	region := s.config.Region
	switch e.Result {
	case ResultThrottled:
		return fmt.Sprintf("behind: CloudTrail throttles LookupEvents in %s; two requests a second are shared by every tool of the account. Reading goes on by itself", region)
	case ResultAccessDenied:
		return fmt.Sprintf("allow the IAM action cloudtrail:LookupEvents in %s to gatepost's AWS credentials: %v", region, e.Err)
	case ResultCredentials:
		return fmt.Sprintf("give gatepost AWS credentials that may call cloudtrail:LookupEvents in %s: %v", region, e.Err)
	case ResultConnect:
		return fmt.Sprintf("make CloudTrail's endpoint in %s reachable (DNS, route, proxy, correlate.endpoint): %v", region, e.Err)
	case ResultTimeout:
		return fmt.Sprintf("CloudTrail in %s does not answer within %s: %v", region, s.config.RequestTimeout, e.Err)
	}
	return err.Error()
}

// credentialsError marks an error as the credentials'.
type credentialsError struct{ err error }

func (e *credentialsError) Error() string { return "get AWS credentials: " + e.err.Error() }
func (e *credentialsError) Unwrap() error { return e.err }

type markedCredentials struct{ aws.CredentialsProvider }

func (m markedCredentials) Retrieve(ctx context.Context) (aws.Credentials, error) {
	c, err := m.CredentialsProvider.Retrieve(ctx)
	if err != nil {
		return c, &credentialsError{err}
	}
	return c, nil
}

// once turns the SDK's retries off, which would multiply with the source's and go
// round its rate, and marks the errors of credentials.
func once(o *sdk.Options) {
	o.Retryer = aws.NopRetryer{}
	if o.Credentials != nil {
		o.Credentials = markedCredentials{o.Credentials}
	}
}
