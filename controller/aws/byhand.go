package aws

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
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

// A few calls are made by hand, since the SDK's modules or operations for them
// would make the program much larger; ARCHITECTURE.md has the numbers. Each is one
// request, signed by the SDK's signer, sent by its HTTP client with its
// credentials. Whoever makes one names it in a smithy.OperationError with
// constants, by which checks finds it.

// request is a call to be made by hand.
type request struct {
	service string // as the SDK names it
	kind    string // of the body
	target  string // of a call in JSON
	body    []byte
	most    int64 // bytes of the answer
}

// byForm is a call of the query protocol.
func byForm(service string, form url.Values, most int64) request {
	return request{service: service, kind: "application/x-www-form-urlencoded; charset=utf-8", body: []byte(form.Encode()), most: most}
}

// byJSON is a call of ECS.
func byJSON(operation string, in any, most int64) (request, error) {
	body, err := json.Marshal(in)
	return request{
		service: amazon.ECS, kind: "application/x-amz-json-1.1", target: "AmazonEC2ContainerServiceV20141113." + operation, body: body, most: most,
	}, err
}

// prefix is what a service is called in its host's name, and what is signed for.
func prefix(service string) string {
	switch service {
	case amazon.LoadBalancing:
		return "elasticloadbalancing"
	case amazon.AutoScaling:
		return "autoscaling"
	}
	return strings.ToLower(service)
}

// ask makes one attempt: whoever asks comes again.
func (c *Client) ask(ctx context.Context, r request, into any) error {
	at, err := c.addressOf(ctx, r.service)
	if err != nil {
		return err
	}
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, at, bytes.NewReader(r.body))
	if err != nil {
		return err
	}
	if ask.Header.Set("Content-Type", r.kind); r.target != "" {
		ask.Header.Set("X-Amz-Target", r.target)
	}
	who, err := c.account.Config.Credentials.Retrieve(ctx)
	if err != nil {
		return fmt.Errorf("get identity: get credentials: %w", err) // as the SDK has it
	}
	sum := sha256.Sum256(r.body)
	if err := v4.NewSigner().SignHTTP(ctx, who, ask, hex.EncodeToString(sum[:]), prefix(r.service), c.account.Config.Region, time.Now()); err != nil {
		return err
	}
	answer, said, err := c.once(ask, r.most)
	if err != nil {
		return err
	}
	read, refusal := xml.Unmarshal, formRefusal
	if r.target != "" {
		read, refusal = json.Unmarshal, jsonRefusal
	}
	if answer.StatusCode == http.StatusOK {
		if err := read(said, into); err != nil {
			return &smithy.DeserializationError{Err: err}
		}
		return nil
	}
	why, err := refusal(said)
	if err != nil || why.Code == "" {
		return &smithy.DeserializationError{Err: fmt.Errorf("status %s", answer.Status)}
	}
	return why
}

// formRefusal reads a refusal of EC2, which has a list of them, or of the other
// services that take forms.
func formRefusal(said []byte) (*smithy.GenericAPIError, error) {
	type refusal struct{ Code, Message string }
	var why struct {
		Error  refusal
		Errors []refusal `xml:"Errors>Error"`
	}
	err := xml.Unmarshal(said, &why)
	if len(why.Errors) > 0 {
		why.Error = why.Errors[0]
	}
	return &smithy.GenericAPIError{Code: why.Error.Code, Message: why.Error.Message}, err
}

func jsonRefusal(said []byte) (*smithy.GenericAPIError, error) {
	var why struct {
		Type    string `json:"__type"`
		Message string `json:"message"` // or Message: names are told apart by their letters alone
	}
	err := json.Unmarshal(said, &why)
	return &smithy.GenericAPIError{Code: why.Type[strings.LastIndexByte(why.Type, '#')+1:], Message: why.Message}, err
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

// addressOf is where a service is reached: beside ECS, in every partition.
func (c *Client) addressOf(ctx context.Context, service string) (string, error) {
	if at := c.account.Endpoint(service).URL; at != "" {
		return at + "/", nil
	}
	o := c.ecs.Options().EndpointOptions
	fips := o.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled
	dual := o.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled
	found, err := ecs.NewDefaultEndpointResolverV2().ResolveEndpoint(ctx, ecs.EndpointParameters{
		Region: &c.account.Config.Region, UseFIPS: &fips, UseDualStack: &dual,
	})
	if err != nil {
		return "", fmt.Errorf("find %s of region %s: %w", service, c.account.Config.Region, err)
	}
	host := found.URI.Host
	if service != amazon.ECS {
		host = strings.Replace(host, "ecs", prefix(service), 1)
		if fips && !dual && strings.HasPrefix(c.account.Config.Region, "us-gov-") { // all of them are
			host = strings.Replace(host, "-fips.", ".", 1)
		}
	}
	return found.URI.Scheme + "://" + host + "/", nil
}
