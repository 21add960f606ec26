package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/aws/aws-sdk-go-v2/service/outposts/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"github.com/gatepost-proxy/gatepost/audit"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

const (
	demoConnection = "conn0123456789abcdef"
	demoAwkward    = "aB+/c9=="
	demoLost       = "////"
)

// demoStory is the story as it is told: what was called, what came back, and whether that is what should have.
type demoStory struct {
	out     io.Writer
	aws     *demoAWS
	service *service
	callers map[string]demoKey
	since   uint64 // the log's size when the story began

	told   []demoAnswer
	events map[string]audit.Event // the outcomes of calls, by id
	failed int
}

// demoAnswer is one answer as the caller saw it.
type demoAnswer struct {
	eventID string
	index   string
	status  int
	cache   string
	code    string
}

func (d *demoStory) tell(ctx context.Context) error {
	fmt.Fprintf(d.out, "A simulated AWS answers at %s. gatepost stands in front of it at http://%s.\nCallers use AWS's SDK for Go, unmodified, with keys that gatepost issued.\n\n",
		d.aws.URL, d.service.callersListener.Addr())

	installer := d.client(d.callers[demoInstaller])
	d.chapter("A connection is asked for, and asked for again")
	d.get(ctx, installer, demoConnection, "AWS is asked", 200, "fwd=miss; stored", "")
	for range 3 {
		d.get(ctx, installer, demoConnection, "from the cache, verified and recorded all the same", 200, "hit", "")
	}
	d.get(ctx, installer, demoAwkward, "an id that has to be escaped twice", 200, "fwd=miss; stored", "")
	d.get(ctx, installer, demoAwkward, "and its hit", 200, "hit", "")

	d.chapter("Callers who may not")
	d.get(ctx, d.client(d.callers[demoContractor]), demoConnection, "a good key that is not allowed this connection, cached or not", 403, "refused", "AccessDeniedException")
	wrong := d.callers[demoInstaller]
	wrong.secret = d.callers[demoContractor].secret
	d.get(ctx, d.client(wrong), demoConnection, "a signature made with another secret", 403, "refused", "InvalidSignatureException")
	d.get(ctx, installer, "nobody/knows/this+one=", "an id that AWS does not know", 404, "fwd=miss", "NotFoundException")

	d.chapter("AWS throttles; the SDK backs off by itself")
	d.aws.Script(outpoststest.Throttled())
	d.get(ctx, installer, "a/b+=", "AWS's own error, passed through as it is", 400, "fwd=miss", "ThrottlingException")
	d.get(ctx, installer, "a/b+=", "the next try", 200, "fwd=miss; stored", "")

	d.chapter("An answer of AWS's is lost on its way")
	d.aws.Script(outpoststest.Fault{When: outpoststest.ForConnection(demoLost), Damage: outpoststest.CloseBeforeAnswer})
	d.get(ctx, installer, demoLost, "AWS is asked again; it carried out both", 200, "fwd=miss; stored", "")

	d.chapter("A server is connected")
	started, err := installer.StartConnection(ctx, &outposts.StartConnectionInput{
		AssetId: aws.String("asset0001"), ClientPublicKey: aws.String(strings.Repeat("A", 43) + "="), NetworkInterfaceDeviceIndex: 0,
	})
	d.seen("StartConnection", "a write: never cached, never retried", answerOf(started, err), 200, "fwd=bypass; detail=operation", "")
	if err == nil {
		d.get(ctx, installer, aws.ToString(started.ConnectionId), "the connection it made", 200, "fwd=miss; stored", "")
	}

	d.chapter("Somebody goes round the proxy")
	before := len(d.aws.Calls())
	direct := outposts.New(outposts.Options{Region: d.aws.Region(), BaseEndpoint: &d.aws.URL, Credentials: d.aws.Credentials()})
	if _, err := direct.GetConnection(ctx, &outposts.GetConnectionInput{ConnectionId: aws.String(demoConnection)}); err != nil {
		return fmt.Errorf("call round the proxy: %w", err)
	}
	d.line("GetConnection", demoConnection, "straight to AWS: no event here, only in CloudTrail", "")
	d.expect(len(d.aws.Calls()) == before+1, "AWS saw the call that went round the proxy")

	if err := d.account(ctx); err != nil {
		return err
	}
	if err := d.verdicts(ctx); err != nil {
		return err
	}
	if err := d.verify(ctx); err != nil {
		return err
	}
	d.conclude()
	return nil
}

// account holds the log against what the callers and AWS saw.
func (d *demoStory) account(ctx context.Context) error {
	d.chapter("What the log says")
	events := make(map[string]audit.Event)
	d.events = events
	var intents, outcomes, asked, attempts int
	next := d.since
	for line, err := range d.service.journal.Read(d.since) {
		if err != nil {
			return err
		}
		e, err := audit.ParseLine(line.Bytes)
		if err != nil {
			return fmt.Errorf("entry %d: %w", line.Index, err)
		}
		d.expect(line.Index == next && e.Index == next, "entry %d stands at its place", next)
		next++
		switch e.Kind {
		case audit.KindIntent:
			intents++
		case audit.KindOutcome:
			outcomes++
			attempts += len(e.Attempts)
			if len(e.Attempts) > 0 {
				asked++
			}
			events[e.ID] = e
		}
	}
	for _, a := range d.told {
		e, ok := events[a.eventID]
		d.expect(ok && fmt.Sprint(e.Index) == a.index && e.Status == a.status, "event %s of an answer %d is at index %s", a.eventID, a.status, a.index)
	}
	seen := 0
	for _, c := range d.aws.Calls() {
		if strings.Contains(c.UserAgent, "gatepost/") {
			seen++
			ours := false
			for _, e := range events {
				for _, at := range e.Attempts {
					ours = ours || at.RequestID == c.RequestID || at.RequestID == "" && strings.HasSuffix(c.UserAgent, " evt/"+e.ID)
				}
			}
			d.expect(ours, "AWS's request %s is an attempt in the log", c.RequestID)
		}
	}
	d.expect(seen == attempts, "each of the %d calls AWS got from gatepost is an attempt (%d) in the log", seen, attempts)
	d.expect(intents == asked, "each of the %d calls that went to AWS had its intent (%d) on disk before", asked, intents)
	d.expect(outcomes == len(d.told), "each of the %d answers has its outcome (%d) in the log", len(d.told), outcomes)
	fmt.Fprintf(d.out, "  %d answers to callers, %d calls to AWS, %d entries in the log, each answer's entry on disk before the answer left.\n", len(d.told), seen, next-d.since)
	return nil
}

// conclude says how it went.
func (d *demoStory) conclude() {
	if d.failed == 0 {
		fmt.Fprintln(d.out, "\nEverything was as it should be.")
	} else {
		fmt.Fprintf(d.out, "\n%s did not hold.\n", plural(d.failed, "expectation"))
	}
}

// client is AWS's SDK with nothing changed but where it connects to, and that it does not retry, so that each answer can be shown.
func (d *demoStory) client(key demoKey) *outposts.Client {
	endpoint := "http://" + d.service.callersListener.Addr().String()
	return outposts.New(outposts.Options{
		Region: d.aws.Region(), BaseEndpoint: &endpoint, Retryer: retry.AddWithMaxAttempts(retry.NewStandard(), 1),
		Credentials: aws.CredentialsProviderFunc(func(context.Context) (aws.Credentials, error) {
			return aws.Credentials{AccessKeyID: key.id, SecretAccessKey: key.secret.Reveal()}, nil
		}),
	})
}

func (d *demoStory) get(ctx context.Context, client *outposts.Client, id, remark string, status int, cache, code string) {
	out, err := client.GetConnection(ctx, &outposts.GetConnectionInput{ConnectionId: &id})
	if code == "NotFoundException" {
		_, typed := errors.AsType[*types.NotFoundException](err)
		d.expect(typed, "the SDK raised its typed NotFoundException")
	}
	d.seen("GetConnection", remark, answerOf(out, err), status, cache, code, id)
}

// seen tells of one answer and holds it against what was expected.
func (d *demoStory) seen(operation, remark string, a demoAnswer, status int, cache, code string, id ...string) {
	d.told = append(d.told, a)
	d.line(operation, strings.Join(id, ""), remark, fmt.Sprintf("%d %s", a.status, cmp.Or(a.code, strings.TrimPrefix(a.cache, "gatepost; "))))
	d.expect(a.status == status && a.code == code && strings.Contains(a.cache, cache), "%s: got %d %s %q, want %d %s %q", remark, a.status, a.code, a.cache, status, code, cache)
	d.expect(a.eventID != "" && a.index != "", "%s: the answer names its event", remark)
}

func (d *demoStory) chapter(title string) { fmt.Fprintf(d.out, "%s\n", title) }

func (d *demoStory) line(operation, id, remark, answer string) {
	fmt.Fprintf(d.out, "  %-15s %-24s %-30s %s\n", operation, id, answer, remark)
}

func (d *demoStory) expect(held bool, format string, args ...any) {
	if !held {
		d.failed++
		fmt.Fprintf(d.out, "  NOT SO: "+format+"\n", args...)
	}
}

// answerOf reads what the SDK kept of an answer, an error's included.
func answerOf[T any](out *T, err error) demoAnswer {
	var header http.Header
	var a demoAnswer
	if re, ok := errors.AsType[*smithyhttp.ResponseError](err); ok {
		header, a.status = re.Response.Header, re.Response.StatusCode
	} else if err == nil {
		resp := awsmiddleware.GetRawResponse(metadata(out)).(*smithyhttp.Response)
		header, a.status = resp.Header, resp.StatusCode
	}
	if ae, ok := errors.AsType[smithy.APIError](err); ok {
		a.code = ae.ErrorCode()
	}
	a.eventID, a.index, a.cache = header.Get("X-Gatepost-Event-Id"), header.Get("X-Gatepost-Event-Index"), header.Get("Cache-Status")
	return a
}

func metadata(out any) middleware.Metadata {
	switch o := out.(type) {
	case *outposts.GetConnectionOutput:
		return o.ResultMetadata
	case *outposts.StartConnectionOutput:
		return o.ResultMetadata
	}
	return middleware.Metadata{}
}
