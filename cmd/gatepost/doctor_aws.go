package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail"
	"github.com/aws/aws-sdk-go-v2/service/cloudtrail/types"
	"github.com/aws/smithy-go"

	"github.com/gatepost-proxy/gatepost/audit"
	trail "github.com/gatepost-proxy/gatepost/audit/cloudtrail"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/proxy/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/upstream"
)

// awsExam makes the checks that ask AWS, in the way in which serve would.
type awsExam struct {
	config   config.Config
	upstream *upstream.Client
	trail    func(region string) *cloudtrail.Client
	answered bool // AWS has answered a call, so that its clock is known
}

func (d *doctor) dial(ctx context.Context) (*awsExam, error) {
	c := d.config
	up, err := upstream.New(ctx, upstreamConfig(c, substitutes{}, slog.New(slog.DiscardHandler)))
	if err != nil {
		return nil, err
	}
	clients, err := cloudTrail(ctx, c, up)
	if err != nil {
		up.Close()
		return nil, err
	}
	return &awsExam{config: c, upstream: up, trail: clients}, nil
}

func (a *awsExam) credentials(ctx context.Context) checked {
	own, err := a.upstream.Own(ctx)
	if err != nil {
		return fails("%w: give the process credentials as any AWS tool takes them", err)
	}
	text := own.ARN
	if text == "" {
		text = "key " + own.AccessKeyID
	}
	if !own.Expires.IsZero() {
		text += ", until " + own.Expires.UTC().Format(time.RFC3339)
	}
	return found("%s", text)
}

// awkward ids are those that a proxy, a library or a signature gets wrong. AWS makes none as short as these.
func awkward() []string {
	return []string{"gatepost/doctor+=", "////", "====", "+", "=1+1", "a/b+c/d=="}
}

// ask asks AWS for a connection, which it is not expected to have.
func (a *awsExam) ask(ctx context.Context, region, id string) error {
	answer, err := a.upstream.Do(ctx, upstream.Call{
		Operation: "GetConnection", ReadOnly: true, Method: "GET", Path: "/connections/" + string(outposts.EscapeLabel(nil, id)), Region: region,
		UserAgent: "gatepost-doctor", EventID: audit.NewID(time.Now()), Principal: "gatepost-doctor",
	})
	if err != nil {
		return err
	}
	a.answered = true
	switch answer.Class {
	case audit.ErrorClassNone, audit.ErrorClassNotFound, audit.ErrorClassValidation:
		return nil
	case audit.ErrorClassAWSAuth:
		return fmt.Errorf("AWS refused the signature of %q: %s: %s", id, answer.ErrorType, answer.Message)
	case audit.ErrorClassAccessDenied:
		return fmt.Errorf("%s: %s: allow the identity outposts:GetConnection", answer.ErrorType, answer.Message)
	}
	return fmt.Errorf("%d %s: %s", answer.Status, answer.ErrorType, answer.Message)
}

func (a *awsExam) endpoint(ctx context.Context, region string) checked {
	start := time.Now()
	if err := a.ask(ctx, region, "gatepost+doctor"); err != nil {
		return fails("%s: %w", a.upstream.Endpoint(region), err)
	}
	return found("%s answered in %s", a.upstream.Endpoint(region), time.Since(start).Round(time.Millisecond))
}

func (a *awsExam) awkwardIDs(ctx context.Context) checked {
	for _, id := range awkward() {
		if err := a.ask(ctx, a.config.Upstream.Regions[0], id); err != nil {
			return fails("%w", err)
		}
	}
	return found("AWS reads %d of them as they were signed", len(awkward()))
}

// maxOffset leaves most of the five minutes by which AWS lets a signature be off to what a clock does later.
const maxOffset = time.Minute

func (a *awsExam) clock(context.Context) checked {
	if !a.answered {
		return skipped("AWS has not answered")
	}
	offset := a.upstream.ClockOffset().Round(time.Second)
	if offset.Abs() > maxOffset {
		return fails("AWS's clock is %s from this one: AWS refuses signatures that are 5m off, and gatepost callers that are %s off: set the clock by NTP", offset, a.config.Callers.ClockSkew)
	}
	return found("within %s of AWS's", max(offset.Abs(), time.Second))
}

func (a *awsExam) lookup(ctx context.Context, region string) checked {
	c := a.config.Correlate
	if c.Source != config.SourceLookupEvents {
		return skipped("correlate.source is %s", c.Source)
	}
	if c.Endpoint == "" && a.upstream.Simulated() {
		return skipped("upstream.endpoint is on this machine, and correlate.endpoint names no CloudTrail to go with it")
	}
	now := time.Now()
	_, err := a.trail(region).LookupEvents(ctx, &cloudtrail.LookupEventsInput{
		LookupAttributes: []types.LookupAttribute{{AttributeKey: types.LookupAttributeKeyEventSource, AttributeValue: aws.String(trail.EventSource)}},
		StartTime:        aws.Time(now.Add(-time.Hour)), EndTime: aws.Time(now), MaxResults: aws.Int32(1),
	})
	if refusal, ok := errors.AsType[smithy.APIError](err); ok && strings.Contains(refusal.ErrorCode(), "AccessDenied") {
		return fails("%s: allow the identity cloudtrail:LookupEvents, or set correlate.source: off", refusal.ErrorMessage())
	}
	if err != nil {
		return fails("%w", err)
	}
	return found("events can be looked up")
}
