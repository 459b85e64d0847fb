// Package aws lets the controller speak to Amazon: S3 for its documents and
// the artifacts of training jobs, SageMaker for the jobs, ECS for the tasks.
// On one machine the same calls reach package local.
//
// It decides nothing, keeps no state that a restart would miss (only caches),
// and logs nothing: what went wrong is in the errors, in words for a person.
// Every call has a deadline and every retry a bound. Types of the SDK do not
// leave it.
package aws

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"

	"github.com/sluicehq/sluice/amazon"
)

// Options say which AWS to speak to. The zero value is the AWS that the
// environment names, as for every other AWS program.
type Options struct {
	Region   string // empty: the environment's or the profile's
	Endpoint string // base address of all services, such as http://127.0.0.1:4566; empty: as environment and profile say

	// AccessKey and SecretKey are used as they are. Both empty: environment,
	// profile, or the role of the task or machine.
	AccessKey, SecretKey string

	Attempts   int           // of one call, the first included; default 5
	MaxBackoff time.Duration // longest wait between two attempts, default 3 s
	Timeout    time.Duration // of one call with all its attempts, default 30 s; large bodies get more

	// ECSShare is the share of ECS's quotas, which are the account's, that is used
	// at most; default a half.
	ECSShare float64

	Called func(Call) // is told of every call, from many goroutines; nil: nobody is
}

// Client hands out the adapters. All of them may be used by many goroutines.
type Client struct {
	account   *amazon.Account
	s3        *s3.Client
	ecs       *ecs.Client
	sagemaker *sagemaker.Client
	timeout   time.Duration
	called    func(Call)
	quotas    []*quota // of ECS
	services  *services
}

// Open reads the configuration. It speaks to no service yet: see
// Documents.Check.
func Open(ctx context.Context, o Options) (*Client, error) {
	o = o.withDefaults()
	if err := o.check(); err != nil {
		return nil, err
	}
	account, err := amazon.Open(ctx, amazon.Settings{
		Region: o.Region, Endpoint: o.Endpoint, Load: o.loaders(),
		Services: []string{amazon.S3, amazon.ECS, amazon.SageMaker},
	})
	if err != nil {
		return nil, err
	}
	account.Config.HTTPClient = plainBodies{account.Config.HTTPClient}
	if o.Called != nil {
		account.Config.APIOptions = append(account.Config.APIOptions, watch(o.Called))
	}
	quotas := quotas(o.ECSShare)
	return &Client{
		account: account,
		s3:      account.S3(),
		ecs: ecs.NewFromConfig(account.Config, func(eo *ecs.Options) {
			eo.BaseEndpoint = account.Base(amazon.ECS)
			eo.APIOptions = append(slices.Clip(eo.APIOptions), within(quotas))
		}),
		sagemaker: sagemaker.NewFromConfig(account.Config, func(so *sagemaker.Options) { so.BaseEndpoint = account.Base(amazon.SageMaker) }),
		timeout:   o.Timeout,
		called:    o.Called,
		quotas:    quotas,
		services:  newServices(),
	}, nil
}

// Account is the AWS that the client speaks to.
func (c *Client) Account() *amazon.Account { return c.account }

func (o Options) withDefaults() Options {
	if o.Attempts == 0 {
		o.Attempts = 5
	}
	if o.MaxBackoff == 0 {
		o.MaxBackoff = 3 * time.Second
	}
	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.ECSShare == 0 {
		o.ECSShare = 0.5
	}
	return o
}

func (o Options) check() error {
	if (o.AccessKey == "") != (o.SecretKey == "") {
		return errors.New("an access key and a secret key go together: set both or neither")
	}
	if o.Attempts < 0 || o.MaxBackoff < 0 || o.Timeout < 0 {
		return fmt.Errorf("attempts %d, longest backoff %v, timeout %v: want none of them negative", o.Attempts, o.MaxBackoff, o.Timeout)
	}
	if !(o.ECSShare > 0 && o.ECSShare <= 1) {
		return fmt.Errorf("the share of ECS's quotas is %v: want more than 0, and 1 at most", o.ECSShare)
	}
	return nil
}

func (o Options) loaders() []func(*config.LoadOptions) error {
	dialer := func(d *net.Dialer) { d.Timeout = 5 * time.Second }
	transport := func(t *http.Transport) {
		t.ResponseHeaderTimeout = 15 * time.Second
		t.MaxIdleConnsPerHost = 16
	}
	loaders := []func(*config.LoadOptions) error{
		config.WithHTTPClient(awshttp.NewBuildableClient().WithDialerOptions(dialer).WithTransportOptions(transport)),
		config.WithRetryer(o.retryer),
	}
	if o.AccessKey != "" {
		loaders = append(loaders, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	return loaders
}
