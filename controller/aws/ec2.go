package aws

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
)

// Of EC2 one call is made, for three words of its answer. Its module would make
// the program half a megabyte larger, so the call is made by hand. A task could
// not tell in its place: in bridge mode it sees no more of its host than the
// bridge, and nobody knows where to ask it.

const (
	describeInstances = "DescribeInstances"

	// maxInstances bounds the answer about a hundred instances, in bytes.
	maxInstances = 8 << 20
)

// instances are what EC2 answers.
type instances struct {
	Found []struct {
		ID   string   `xml:"instanceId"`
		IPv4 string   `xml:"privateIpAddress"`
		IPv6 string   `xml:"ipv6Address"`
		More []string `xml:"networkInterfaceSet>item>ipv6AddressesSet>item>ipv6Address"`
	} `xml:"reservationSet>item>instancesSet>item"`
}

// privateAddresses asks EC2 where instances are, at most a hundred of them. Those
// that have gone are missing from the answer.
func (c *Client) privateAddresses(ctx context.Context, ids []string) (map[string]string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	form := url.Values{"Action": {describeInstances}, "Version": {"2016-11-15"}, "Filter.1.Name": {"instance-id"}}
	for i, id := range ids {
		form.Set(fmt.Sprintf("Filter.1.Value.%d", i+1), id)
	}
	began := time.Now()
	var found instances
	err := c.ask(ctx, byForm(amazon.EC2, form, maxInstances), &found)
	if err != nil {
		err = &smithy.OperationError{ServiceID: amazon.EC2, OperationName: describeInstances, Err: err}
	}
	if c.called != nil {
		c.called(Call{Service: amazon.EC2, Operation: describeInstances, Result: resultOf(err), Attempts: 1, Took: time.Since(began)})
	}
	if err != nil {
		return nil, err
	}
	addresses := map[string]string{}
	for _, i := range found.Found {
		addresses[i.ID] = cmp.Or(i.IPv4, i.IPv6, cmp.Or(i.More...))
	}
	return addresses, nil
}
