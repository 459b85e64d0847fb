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
	"net/url"
	"slices"
	"strings"
	"time"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/smithy-go/logging"
)

// Options say which AWS to speak to. The zero value is the AWS that the
// environment names, as for every other AWS program.
type Options struct {
	Region   string // empty: AWS_REGION or the profile; us-east-1 where an endpoint is given
	Endpoint string // base address of all services, such as http://127.0.0.1:4566; empty: AWS itself

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
	s3        *s3.Client
	ecs       *ecs.Client
	sagemaker *sagemaker.Client
	timeout   time.Duration
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
	cfg, err := config.LoadDefaultConfig(ctx, o.loaders()...)
	if profile := (config.SharedConfigProfileNotExistError{}); errors.As(err, &profile) {
		return nil, fmt.Errorf("there is no AWS profile %q: check AWS_PROFILE", profile.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %w", err)
	}
	if cfg.Region == "" {
		if cfg.BaseEndpoint == nil {
			return nil, errors.New("no AWS region is set: set --region or AWS_REGION")
		}
		cfg.Region = "us-east-1"
	}
	cfg.HTTPClient = plainBodies{cfg.HTTPClient}
	if o.Called != nil {
		cfg.APIOptions = append(cfg.APIOptions, watch(o.Called))
	}
	quotas := quotas(o.ECSShare)
	return &Client{
		s3: s3.NewFromConfig(cfg, func(so *s3.Options) {
			so.UsePathStyle = cfg.BaseEndpoint != nil
			so.DisableLogOutputChecksumValidationSkipped = true
		}),
		ecs: ecs.NewFromConfig(cfg, func(eo *ecs.Options) {
			eo.APIOptions = append(slices.Clip(eo.APIOptions), within(quotas))
		}),
		sagemaker: sagemaker.NewFromConfig(cfg),
		timeout:   o.Timeout,
		quotas:    quotas,
		services:  newServices(),
	}, nil
}

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
	if o.Endpoint == "" {
		return nil
	}
	u, err := url.Parse(o.Endpoint)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
		return fmt.Errorf("endpoint %q is no address: want one such as http://127.0.0.1:4566", o.Endpoint)
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
		config.WithLogger(logging.Nop{}), // it warns of every call that a caller gave up
	}
	if o.Region != "" {
		loaders = append(loaders, config.WithRegion(o.Region))
	}
	if o.Endpoint != "" {
		loaders = append(loaders, config.WithBaseEndpoint(strings.TrimSuffix(o.Endpoint, "/")))
	}
	if o.AccessKey != "" {
		loaders = append(loaders, config.WithCredentialsProvider(
			credentials.NewStaticCredentialsProvider(o.AccessKey, o.SecretKey, "")))
	}
	return loaders
}
