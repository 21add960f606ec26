package main

import (
	"math/rand/v2"
	"time"

	"github.com/gatepost-proxy/gatepost/audit/cloudtrail/cloudtrailtest"
	"github.com/gatepost-proxy/gatepost/cmd/gatepost/internal/config"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

// demoDelay is how long the demonstration's CloudTrail takes to deliver a record. The real one takes minutes.
const demoDelay = 500 * time.Millisecond

// demoAWS is a simulated account: Outposts and STS, and the CloudTrail that records their calls.
type demoAWS struct {
	*outpoststest.Server
	trail *cloudtrailtest.Server
}

func startDemoAWS() (*demoAWS, error) {
	// CloudTrail's ids are new each time: a directory may have those of an earlier demonstration.
	faults := cloudtrailtest.Faults{Seed: rand.Uint64(), Delay: cloudtrailtest.Constant(demoDelay)}
	trail, err := cloudtrailtest.Start(cloudtrailtest.Config{Faults: faults})
	if err != nil {
		return nil, err
	}
	aws, err := outpoststest.Start(outpoststest.Config{Observer: func(c outpoststest.Call) {
		if c.Service == outpoststest.ServiceOutposts {
			trail.Add(recordedCall(c))
		}
	}})
	if err != nil {
		trail.Close()
		return nil, err
	}
	return &demoAWS{aws, trail}, nil
}

func (a *demoAWS) Close() {
	a.Server.Close()
	a.trail.Close()
}

// demoCorrelate is correlation at the pace of an audience: everything that takes CloudTrail minutes takes seconds here.
func demoCorrelate(endpoint string) config.Correlate {
	c := config.Default().Correlate
	c.Endpoint = endpoint
	c.PollInterval, c.LookupsPerSecond = 250*time.Millisecond, 20
	c.LateAfter, c.SettleAfter = 2*time.Second, 10*time.Second
	return c
}

// recordedCall is a call as its service would tell CloudTrail of it.
func recordedCall(c outpoststest.Call) cloudtrailtest.Event {
	user := c.Principal.UserName
	if c.Principal.RoleARN != "" {
		user = ""
	}
	return cloudtrailtest.Event{
		RequestID: c.RequestID, Operation: c.Operation, ReadOnly: c.ReadOnly, Region: c.Region, ConnectionID: c.ConnectionID,
		Principal: cloudtrailtest.Principal{
			Type: string(c.Principal.Type), PrincipalID: c.Principal.PrincipalID, ARN: c.Principal.ARN, Account: c.Principal.Account, AccessKeyID: c.AccessKeyID,
			UserName: user, IssuerARN: c.Principal.RoleARN, SourceIdentity: c.Principal.SourceIdentity,
		},
		SourceIP: c.SourceIP, UserAgent: c.UserAgent, Host: c.Host, Completed: c.Completed, ErrorCode: c.ErrorCode, ErrorMessage: c.ErrorMessage,
	}
}
