package amazon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	smithyendpoints "github.com/aws/smithy-go/endpoints"
	"github.com/aws/smithy-go/logging"
)

// Services as the SDK names them.
const (
	S3            = "S3"
	ECS           = "ECS"
	SageMaker     = "SageMaker"
	EC2           = "EC2"
	LoadBalancing = "Elastic Load Balancing v2"
	AutoScaling   = "Auto Scaling"
)

// usualRegion is signed for where an endpoint of one's own makes none necessary.
const usualRegion = "us-east-1"

// Settings say which AWS to speak to. The zero value is the one that environment
// and profile name, as for every other AWS program: of endpoints the service's
// own before that of all, and above that the environment's before the profile's.
type Settings struct {
	Region   string   // --region, before AWS_REGION and the profile's
	Endpoint string   // --endpoint, before all others: the base address of all services
	Services []string // that will be spoken to, S3 among them

	Load []func(*config.LoadOptions) error // what else to begin with
}

// Account is the AWS that a process speaks to.
type Account struct {
	Config     aws.Config
	RegionFrom string // the setting that names Config.Region

	settings Settings
}

// Endpoint is where a service is reached, and which setting says so. Without a
// URL it is AWS itself, of the region.
type Endpoint struct{ URL, From string }

// Open reads environment and profile. It speaks to no service yet.
func Open(ctx context.Context, s Settings) (*Account, error) {
	s.Endpoint = strings.TrimSuffix(s.Endpoint, "/")
	load := append([]func(*config.LoadOptions) error{config.WithLogger(logging.Nop{})}, s.Load...) // what matters is in the errors
	if s.Region != "" {
		load = append(load, config.WithRegion(s.Region))
	}
	if s.Endpoint != "" {
		load = append(load, config.WithBaseEndpoint(s.Endpoint)) // where credentials come from is a service, too
	}
	cfg, err := config.LoadDefaultConfig(ctx, load...)
	if profile := (config.SharedConfigProfileNotExistError{}); errors.As(err, &profile) {
		return nil, fmt.Errorf("there is no AWS profile %q: check AWS_PROFILE", profile.Profile)
	}
	if err != nil {
		return nil, fmt.Errorf("read AWS configuration: %s", clean(err.Error()))
	}
	a := &Account{Config: cfg, settings: s}
	a.RegionFrom = a.regionFrom()
	return a, a.check()
}

// check finds the region, and refuses what contradicts itself.
func (a *Account) check() error {
	aws := slices.DeleteFunc(slices.Clone(a.settings.Services), func(service string) bool { return a.Endpoint(service).URL != "" })
	if a.Config.Region == "" {
		if len(aws) > 0 {
			return errors.New("no AWS region is set: set --region or AWS_REGION")
		}
		a.Config.Region, a.RegionFrom = usualRegion, "the usual, as no setting names one"
	}
	for _, service := range a.settings.Services {
		at := a.Endpoint(service)
		if at.URL == "" {
			continue
		}
		if u, err := url.Parse(at.URL); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return fmt.Errorf("%s is %q: want an address such as http://127.0.0.1:4566", at.From, clean(at.URL))
		}
		if variant := a.variant(); variant != "" {
			return fmt.Errorf("%s and %s (%s) contradict each other: an address that you name is what it is; take one of them away", variant, at.From, clean(at.URL))
		}
	}
	return nil
}

// sources are what settings are read from, the environment first.
func (a *Account) sources() (env config.EnvConfig, profile config.SharedConfig) {
	for _, source := range a.Config.ConfigSources {
		switch s := source.(type) {
		case config.EnvConfig:
			env = s
		case config.SharedConfig:
			profile = s
		}
	}
	return env, profile
}

func (a *Account) regionFrom() string {
	env, profile := a.sources()
	of := fmt.Sprintf("profile %q", cmp.Or(profile.Profile, config.DefaultSharedConfigProfile))
	switch {
	case a.settings.Region != "":
		return "--region"
	case os.Getenv("AWS_REGION") != "":
		return "AWS_REGION"
	case env.Region != "":
		return "AWS_DEFAULT_REGION"
	}
	return "region of " + of
}

// variant is the setting that wants endpoints of another kind; empty without.
func (a *Account) variant() string {
	env, profile := a.sources()
	switch {
	case env.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled:
		return "AWS_USE_FIPS_ENDPOINT"
	case env.UseFIPSEndpoint == aws.FIPSEndpointStateUnset && profile.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled:
		return "use_fips_endpoint of the profile"
	case env.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled:
		return "AWS_USE_DUALSTACK_ENDPOINT"
	case env.UseDualStackEndpoint == aws.DualStackEndpointStateUnset && profile.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled:
		return "use_dualstack_endpoint of the profile"
	}
	return ""
}

// Endpoint is the endpoint that is configured for a service: what a flag says,
// else what the SDK's own rule takes.
func (a *Account) Endpoint(service string) Endpoint {
	ctx := context.Background()
	if a.settings.Endpoint != "" {
		return Endpoint{a.settings.Endpoint, "--endpoint"}
	}
	env, profile := a.sources()
	of := fmt.Sprintf("of profile %q", cmp.Or(profile.Profile, config.DefaultSharedConfigProfile))
	ignore, told, _ := env.GetIgnoreConfiguredEndpoints(ctx)
	if !told {
		ignore, _, _ = profile.GetIgnoreConfiguredEndpoints(ctx)
	}
	if ignore {
		return Endpoint{}
	}
	own := "AWS_ENDPOINT_URL_" + strings.ReplaceAll(strings.ToUpper(service), " ", "_")
	if at, ok, _ := env.GetServiceBaseEndpoint(ctx, service); ok {
		return Endpoint{at, own}
	}
	_, all := os.LookupEnv("AWS_ENDPOINT_URL")
	_, one := os.LookupEnv(own)
	if at, ok, _ := profile.GetServiceBaseEndpoint(ctx, service); ok && (!all || one) { // an empty variable counts as one, as the SDK has it
		return Endpoint{at, "services " + of}
	}
	switch {
	case env.BaseEndpoint != "":
		return Endpoint{env.BaseEndpoint, "AWS_ENDPOINT_URL"}
	case profile.BaseEndpoint != "":
		return Endpoint{profile.BaseEndpoint, "endpoint_url " + of}
	}
	return Endpoint{}
}

// Base is the configured endpoint of a service as its client wants it; nil for
// AWS itself.
func (a *Account) Base(service string) *string {
	if at := a.Endpoint(service).URL; at != "" {
		return &at
	}
	return nil
}

// S3 returns a client of the store.
func (a *Account) S3() *s3.Client {
	return s3.NewFromConfig(a.Config, func(o *s3.Options) {
		o.BaseEndpoint = a.Base(S3)
		o.EndpointResolverV2 = addresses{s3.NewDefaultEndpointResolverV2()}
		o.DisableLogOutputChecksumValidationSkipped = true
	})
}

// Store is where requests for a bucket go. It refuses buckets that no request
// can be sent to.
func (a *Account) Store(ctx context.Context, bucket string) (Endpoint, error) {
	at := a.Endpoint(S3)
	if isARN(bucket) && at.URL != "" && !ofAWS(at.URL) {
		return at, fmt.Errorf("bucket %s is an access point, which AWS alone has, and %s says %s: name a bucket there, or take the endpoint away", bucket, at.From, clean(at.URL))
	}
	o := a.S3().Options()
	found, err := o.EndpointResolverV2.ResolveEndpoint(ctx, s3.EndpointParameters{
		Bucket: &bucket, Region: &a.Config.Region, Endpoint: o.BaseEndpoint, UseArnRegion: &o.UseARNRegion,
		DisableMultiRegionAccessPoints: &o.DisableMultiRegionAccessPoints,
		UseFIPS:                        aws.Bool(o.EndpointOptions.UseFIPSEndpoint == aws.FIPSEndpointStateEnabled),
		UseDualStack:                   aws.Bool(o.EndpointOptions.UseDualStackEndpoint == aws.DualStackEndpointStateEnabled),
	}.WithDefaults())
	if err != nil {
		return at, fmt.Errorf("find bucket %s in region %s (%s): %s", bucket, a.Config.Region, a.RegionFrom, strings.TrimPrefix(err.Error(), "endpoint rule error, "))
	}
	at.URL = clean(found.URI.String())
	if at.From == "" {
		at.From = a.RegionFrom
	}
	return at, nil
}

// addresses puts a bucket in the path of an address where the host wants it so.
type addresses struct{ s3.EndpointResolverV2 }

func (r addresses) ResolveEndpoint(ctx context.Context, p s3.EndpointParameters) (smithyendpoints.Endpoint, error) {
	p.ForcePathStyle = aws.Bool(p.Endpoint != nil && !isARN(aws.ToString(p.Bucket)) && wantsPath(*p.Endpoint))
	return r.EndpointResolverV2.ResolveEndpoint(ctx, p)
}

// wantsPath reports whether buckets have no names of their own at a host: only
// those of S3 itself are known to have room for them, and no address of a
// machine, no localhost, and no VPC endpoint has.
func wantsPath(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err != nil || !ofAWS(endpoint) || !strings.HasPrefix(u.Hostname(), "s3") || strings.Contains(u.Hostname(), ".vpce.")
}

// ofAWS reports whether an endpoint is one of AWS's own, in any partition.
func ofAWS(endpoint string) bool {
	u, err := url.Parse(endpoint)
	return err == nil && slices.ContainsFunc([]string{
		".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu", ".api.aws", ".amazonwebservices.com.cn", ".amazonwebservices.eu",
		".ic.gov", ".sgov.gov", ".scloud", ".adc-e.uk",
	}, func(suffix string) bool { return strings.HasSuffix(u.Hostname(), suffix) })
}

// isARN reports whether a bucket is named by an ARN, as access points are.
func isARN(bucket string) bool { return strings.HasPrefix(bucket, "arn:") }
