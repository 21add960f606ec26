package outpoststest_test

import (
	"context"
	"fmt"

	"github.com/aws/aws-sdk-go-v2/service/outposts"
	"github.com/gatepost-proxy/gatepost/proxy/outposts/outpoststest"
)

func ExampleStart() {
	sim, err := outpoststest.Start(outpoststest.Config{})
	if err != nil {
		panic(err)
	}
	defer sim.Close()
	client := outposts.New(outposts.Options{BaseEndpoint: &sim.URL, Region: sim.Region(), Credentials: sim.Credentials()})

	sim.Script(outpoststest.Throttled()) // the SDK comes back
	if _, err := client.GetConnection(context.Background(), &outposts.GetConnectionInput{ConnectionId: new("a/b+=")}); err != nil {
		panic(err)
	}
	for _, call := range sim.Calls() {
		fmt.Println(call.Operation, call.ConnectionID, call.Status, call.ErrorCode)
	}
	// Output:
	// GetConnection a/b+= 400 ThrottlingException
	// GetConnection a/b+= 200
}
