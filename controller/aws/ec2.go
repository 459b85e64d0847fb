package aws

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
)

// Of EC2 one call is made, for three words of its answer. Its module would make
// the program half a megabyte larger, so the call is made by hand: it is one
// form, signed by the SDK's signer, sent by its HTTP client with its credentials.
// A task could not tell in its place: in bridge mode it sees no more of its host
// than the bridge, and nobody knows where to ask it.

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

// ec2Refusals are what it answers where it refuses.
type ec2Refusals struct {
	Errors []struct {
		Code    string `xml:"Code"`
		Message string `xml:"Message"`
	} `xml:"Errors>Error"`
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
	err := c.askEC2(ctx, form, &found)
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

// askEC2 makes one attempt: whoever asks comes again with the next look.
func (c *Client) askEC2(ctx context.Context, form url.Values, into *instances) error {
	at, err := c.addressOfEC2(ctx)
	if err != nil {
		return err
	}
	body := []byte(form.Encode())
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(body))
	if err != nil {
		return err
	}
	ask.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	who, err := c.account.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get identity: get credentials: %w", err) // as the SDK has it
	}
	sum := sha256.Sum256(body)
	if err := v4.NewSigner().SignHTTP(ctx, who, ask, hex.EncodeToString(sum[:]), "ec2", c.account.Config.Region, time.Now()); err != nil {
		return err
	}
	answer, said, err := c.once(ask, maxInstances)
	if err != nil {
		return err
	}
	if answer.StatusCode == http.StatusOK {
		if err := xml.Unmarshal(said, into); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		return nil
	}
	var why ec2Refusals
	if err := xml.Unmarshal(said, &why); err != nil || len(why.Errors) == 0 {
		return &smithy.DeserializationError{Err: fmt.Errorf("status %s", answer.Status)}
	}
	return &smithy.GenericAPIError{Code: why.Errors[0].Code, Message: why.Errors[0].Message}
}

// once sends a request that is signed by hand, and reads the answer, of most
// bytes at most.
func (c *Client) once(ask *http.Request, most int64) (answer *http.Response, said []byte, err error) {
	if answer, err = c.account.Config.HTTPClient.Do(ask); err != nil {
		return nil, nil, err
	}
	defer answer.Body.Close()
	said, err = io.ReadAll(io.LimitReader(answer.Body, most))
	return answer, said, err
}

// addressOfEC2 is beside that of ECS, in every partition.
func (c *Client) addressOfEC2(ctx context.Context) (string, error) {
	if at := c.account.Endpoint(amazon.EC2).URL; at != "" {
		return at + "/", nil
	}
	o := c.ecs.Options().EndpointOptions
	fips := o.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled
	dual := o.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
	found, err := ecs.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ecs.EndpointParameters{
		Region: &c.account.Config.Region, UseFIPS: &fips, UseDualStack: &dual,
	})
	if err != nil {
		return "", fmt.Errorf("find EC2 of region %s: %w", c.account.Config.Region, err)
	}
	host := strings.Replace(found.URI.Host, "ecs", "ec2", 1)
	if fips && !dual && strings.HasPrefix(c.account.Config.Region, "us-gov-") { // all of it is
		host = strings.Replace(host, "ec2-fips.", "ec2.", 1)
	}
	return found.URI.Scheme + "://" + host + "/", nil
}
