package outpoststest

import (
	"cmp"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
)

// Config says what a simulator knows. The zero value is a usable account in
// us-west-2 with one user and the connections of [ConnectionIDs].
type Config struct {
	Regions     []string
	Account     string
	Partition   string // "aws" when empty
	Credentials []Credential
	Connections []Connection

	// Skew is how far X-Amz-Date may be from Now; zero means five minutes.
	Skew time.Duration

	// SessionLifetime replaces the lifetime that AssumeRole asks for.
	SessionLifetime time.Duration

	// Now is the clock; nil means time.Now.
	Now func() time.Time

	// Observer is given each call when it is done, before its answer is sent, from
	// the goroutine that serves it.
	Observer func(Call)

	// SeparateSTS makes a [Server] answer STS at a second address only.
	SeparateSTS bool

	// Logger gets a line for each call at level debug; nil discards.
	Logger *slog.Logger
}

// The account of a simulator whose configuration names none, and its user. They
// are the examples of AWS's documentation and of no use elsewhere.
const (
	DefaultRegion      = "us-west-2"
	DefaultAccount     = "123456789012"
	DefaultUser        = "gatepost"
	DefaultAccessKeyID = "AKIAIOSFODNN7EXAMPLE"
	DefaultSecret      = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
	DefaultRoleARN     = "arn:aws:iam::123456789012:role/outposts/installer"
)

const defaultSkew = 5 * time.Minute

// maxRequestBody is far above every request of the API.
const maxRequestBody = 1 << 20

// Simulator is the simulated AWS. As an [http.Handler] it answers both services
// on one address, told apart as AWS's clients address them: STS at "/", the
// Outposts API below.
type Simulator struct {
	regions   []string
	account   string
	partition string
	first     string // access key id of the first credential
	skew      time.Duration
	lifetime  time.Duration
	now       func() time.Time
	observer  func(Call)
	log       *slog.Logger
	arrived   atomic.Int64

	mu          sync.Mutex // guards the fields below, never held while anything is sent
	keys        map[string]*key
	sessions    []string // access key ids, oldest first
	connections map[string]Connection
	denials     []Denial
	faults      []*Fault
	calls       []*Call
}

// New makes a simulator.
func New(c Config) *Simulator {
	s := &Simulator{
		regions:     slices.Clone(c.Regions),
		account:     cmp.Or(c.Account, DefaultAccount),
		partition:   cmp.Or(c.Partition, "aws"),
		skew:        cmp.Or(c.Skew, defaultSkew),
		lifetime:    c.SessionLifetime,
		now:         c.Now,
		observer:    c.Observer,
		log:         c.Logger,
		keys:        map[string]*key{},
		connections: map[string]Connection{},
	}
	if len(s.regions) == 0 {
		s.regions = []string{DefaultRegion}
	}
	if s.now == nil {
		s.now = time.Now
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	credentials := c.Credentials
	if len(credentials) == 0 {
		credentials = []Credential{{AccessKeyID: DefaultAccessKeyID, SecretAccessKey: DefaultSecret, UserName: DefaultUser}}
	}
	s.first = credentials[0].AccessKeyID
	for _, credential := range credentials {
		s.AddCredential(credential)
	}
	connections := c.Connections
	if len(connections) == 0 {
		for _, id := range ConnectionIDs() {
			connections = append(connections, MakeConnection(id))
		}
	}
	for _, connection := range connections {
		s.PutConnection(connection)
	}
	return s
}

// Region is the first region served.
func (s *Simulator) Region() string { return s.regions[0] }

// ServeHTTP answers one request of either service.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if path, _, _ := strings.Cut(r.RequestURI, "?"); path == "/" {
		s.serve(w, r, ServiceSTS)
		return
	}
	s.serve(w, r, ServiceOutposts)
}

// Only answers one service and takes every request for it.
func (s *Simulator) Only(service string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, service) })
}

func (s *Simulator) serve(w http.ResponseWriter, r *http.Request, service string) {
	s.arrived.Add(1)
	call := &Call{
		RequestID: uuid.NewString(),
		Service:   service,
		Received:  s.now(),
		UserAgent: r.UserAgent(),
		Host:      r.Host,
		Method:    r.Method,
		Target:    r.RequestURI,
		Sent:      true,
	}
	call.SourceIP, call.SourcePort, _ = net.SplitHostPort(r.RemoteAddr)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequestBody))
	if err != nil {
		// The client left or sent too much: there is nobody to answer.
		return
	}

	answer, fault := s.decide(call, r, body)
	call.Completed = s.now()
	call.Status, call.ErrorCode, call.ErrorMessage = answer.status, answer.code, answer.message
	if loses(fault) {
		call.Sent = false
	}
	s.record(call)
	s.log.DebugContext(r.Context(), "call", "operation", call.Operation, "status", call.Status,
		"request_id", call.RequestID, "damage", fault.Damage)

	if err := s.send(w, r, call, answer, fault); err != nil {
		s.mu.Lock()
		call.Sent = false
		s.mu.Unlock()
	}
}

// decide does the call, in AWS's order: signature, operation, permission,
// parameters.
func (s *Simulator) decide(call *Call, r *http.Request, body []byte) (answer, Fault) {
	if call.Service == ServiceSTS {
		return s.decideSTS(call, r, body)
	}
	if refusal := s.authenticate(call, r, body); refusal != nil {
		return restError(refusal), Fault{}
	}
	op, labels := findOperation(call.Method, call.Target)
	if op == nil {
		return restError(&refusal{404, "UnknownOperationException", "The operation does not exist."}), s.takeFor(call)
	}
	call.Operation, call.ReadOnly = op.name, op.method == http.MethodGet
	call.ConnectionID = labels["ConnectionId"]
	input := readInput(call, labels, body)
	call.Request = input
	fault := s.takeFor(call)
	if fault.Status != 0 {
		return faultAnswer(fault), fault
	}
	if s.denied(call, "") {
		return restError(&refusal{403, "AccessDeniedException",
			"User: " + call.Principal.ARN + " is not authorized to perform: outposts:" + call.Operation}), fault
	}
	output, refused := op.run(s, input)
	if refused != nil {
		return restError(refused), fault
	}
	if !call.ReadOnly {
		call.Response = output
	}
	output = spoil(output, fault)
	if op.echoes {
		output["Echo"] = object{"Operation": op.name, "Target": call.Target, "Query": input["query"]}
	}
	return restAnswer(output), fault
}

func (s *Simulator) record(call *Call) {
	s.mu.Lock()
	s.calls = append(s.calls, call)
	done := *call
	s.mu.Unlock()
	if s.observer != nil {
		s.observer(done)
	}
}
