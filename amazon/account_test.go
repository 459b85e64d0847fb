package amazon_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"

	"github.com/sluicehq/sluice/amazon"
)

// configure makes an environment of nothing but these variables and this
// profile "here".
func configure(t *testing.T, env map[string]string, profile string) {
	t.Helper()
	for _, v := range os.Environ() {
		if name, value, _ := strings.Cut(v, "="); strings.HasPrefix(name, "AWS_") {
			t.Setenv(name, value) // which puts it back
			if err := os.Unsetenv(name); err != nil {
				t.Fatal(err)
			}
		}
	}
	file := filepath.Join(t.TempDir(), "config")
	if err := os.WriteFile(file, []byte("[profile here]\n"+profile), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("AWS_CONFIG_FILE", file)
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", os.DevNull)
	t.Setenv("AWS_PROFILE", "here")
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	for name, value := range env {
		t.Setenv(name, value)
	}
}

// theirs are the endpoints that the SDK itself takes.
func theirs(t *testing.T) map[string]string {
	t.Helper()
	cfg, err := config.LoadDefaultConfig(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		amazon.S3:        aws.ToString(s3.NewFromConfig(cfg).Options().BaseEndpoint),
		amazon.ECS:       aws.ToString(ecs.NewFromConfig(cfg).Options().BaseEndpoint),
		amazon.SageMaker: aws.ToString(sagemaker.NewFromConfig(cfg).Options().BaseEndpoint),
	}
}

// choices are values that one setting may have; "-" is not to have it.
type choices []string

// TestEndpoints takes every endpoint from where the SDK takes it, for all ways
// to set them at once.
func TestEndpoints(t *testing.T) {
	profiles := []string{
		"",
		"endpoint_url = http://profile:1\n",
		"services = ours\n[services ours]\ns3 =\n  endpoint_url = http://profile-s3:1\n",
		"endpoint_url = http://profile:1\nservices = ours\n[services ours]\ns3 =\n  endpoint_url = http://profile-s3:1\necs =\n  endpoint_url = http://profile-ecs:1\n",
		"ignore_configured_endpoint_urls = true\nendpoint_url = http://profile:1\n",
	}
	seen := 0
	for p, profile := range profiles {
		for _, all := range (choices{"-", "", "http://all:1"}) {
			for _, own := range (choices{"-", "", "http://s3:1"}) {
				for _, ignore := range (choices{"-", "true", "false"}) {
					env := map[string]string{}
					for name, value := range map[string]string{"AWS_ENDPOINT_URL": all, "AWS_ENDPOINT_URL_S3": own, "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": ignore} {
						if value != "-" {
							env[name] = value
						}
					}
					t.Run(fmt.Sprint(p, all, own, ignore), func(t *testing.T) {
						configure(t, env, "region = eu-west-1\n"+profile)
						want := theirs(t)
						a, err := amazon.Open(t.Context(), amazon.Settings{Services: []string{amazon.S3, amazon.ECS, amazon.SageMaker}})
						if err != nil {
							t.Fatal(err)
						}
						for service, want := range want {
							got := a.Endpoint(service)
							if got.URL != want || aws.ToString(a.Base(service)) != want || (got.From == "") != (want == "") {
								t.Errorf("%s is at %+v, the SDK takes %q", service, got, want)
							}
							if want != "" {
								seen++
							}
						}
						if got := aws.ToString(a.S3().Options().BaseEndpoint); got != want[amazon.S3] {
							t.Errorf("the client of S3 asks at %q, want %q", got, want[amazon.S3])
						}
						flag, err := amazon.Open(t.Context(), amazon.Settings{Endpoint: "http://flag:1/", Services: []string{amazon.S3}})
						if err != nil || flag.Endpoint(amazon.S3) != (amazon.Endpoint{URL: "http://flag:1", From: "--endpoint"}) {
							t.Errorf("a flag goes first: %+v, %v", flag.Endpoint(amazon.S3), err)
						}
						if got := aws.ToString(flag.S3().Options().BaseEndpoint); got != "http://flag:1" {
							t.Errorf("the client of S3 asks at %q where a flag says otherwise", got)
						}
					})
				}
			}
		}
	}
	if seen < 100 {
		t.Errorf("%d endpoints were compared", seen)
	}
}

// TestStore says where requests for a bucket go, and which setting says so.
func TestStore(t *testing.T) {
	const region = "region = eu-west-1\n"
	const access = "arn:aws:s3:eu-west-1:123456789012:accesspoint/models"
	for name, tt := range map[string]struct {
		env      map[string]string
		profile  string
		settings amazon.Settings
		bucket   string
		url      string
		from     string // or what the error says
	}{
		"AWS, by the profile":       {nil, region, amazon.Settings{}, "models", "https://models.s3.eu-west-1.amazonaws.com", `region of profile "here"`},
		"AWS, by the environment":   {map[string]string{"AWS_REGION": "cn-north-1"}, region, amazon.Settings{}, "models", "https://models.s3.cn-north-1.amazonaws.com.cn", "AWS_REGION"},
		"AWS, by another variable":  {map[string]string{"AWS_DEFAULT_REGION": "us-gov-west-1"}, region, amazon.Settings{}, "models", "https://models.s3.us-gov-west-1.amazonaws.com", "AWS_DEFAULT_REGION"},
		"AWS, by a flag":            {map[string]string{"AWS_REGION": "cn-north-1"}, region, amazon.Settings{Region: "eusc-de-east-1"}, "models", "https://models.s3.eusc-de-east-1.amazonaws.eu", "--region"},
		"dots in the name":          {nil, region, amazon.Settings{}, "b.c", "https://s3.eu-west-1.amazonaws.com/b.c", `region of profile "here"`},
		"FIPS":                      {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true"}, "region = us-gov-west-1\n", amazon.Settings{}, "models", "https://models.s3-fips.us-gov-west-1.amazonaws.com", `region of profile "here"`},
		"dual stack, by profile":    {nil, region + "use_dualstack_endpoint = true\n", amazon.Settings{}, "models", "https://models.s3.dualstack.eu-west-1.amazonaws.com", `region of profile "here"`},
		"an IP address":             {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, "", amazon.Settings{}, "models", "http://127.0.0.1:4566/models", "AWS_ENDPOINT_URL"},
		"an IPv6 address":           {map[string]string{"AWS_ENDPOINT_URL": "http://[::1]:4566"}, "", amazon.Settings{}, "models", "http://[::1]:4566/models", "AWS_ENDPOINT_URL"},
		"localhost":                 {map[string]string{"AWS_ENDPOINT_URL_S3": "http://localhost:9000"}, "", amazon.Settings{}, "models", "http://localhost:9000/models", "AWS_ENDPOINT_URL_S3"},
		"a host of one label":       {nil, region + "endpoint_url = http://minio:9000\n", amazon.Settings{}, "models", "http://minio:9000/models", `endpoint_url of profile "here"`},
		"a store of one's own":      {nil, region + "services = ours\n[services ours]\ns3 =\n  endpoint_url = https://s3.example.com\n", amazon.Settings{}, "models", "https://s3.example.com/models", `services of profile "here"`},
		"a store below a path":      {nil, region, amazon.Settings{Endpoint: "https://h/store/"}, "models", "https://h/store/models", "--endpoint"},
		"AWS's own host":            {map[string]string{"AWS_ENDPOINT_URL_S3": "https://s3.eu-west-1.amazonaws.com"}, region, amazon.Settings{}, "models", "https://models.s3.eu-west-1.amazonaws.com", "AWS_ENDPOINT_URL_S3"},
		"a VPC endpoint":            {map[string]string{"AWS_ENDPOINT_URL_S3": "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com"}, region, amazon.Settings{}, "models", "https://bucket.vpce-1.s3.eu-west-1.vpce.amazonaws.com/models", "AWS_ENDPOINT_URL_S3"},
		"secrets of an endpoint":    {map[string]string{"AWS_ENDPOINT_URL": "http://me:pass@127.0.0.1:1"}, region, amazon.Settings{}, "models", "http://127.0.0.1:1/models", "AWS_ENDPOINT_URL"},
		"an access point":           {nil, region, amazon.Settings{}, access, "https://models-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", `region of profile "here"`},
		"an access point, FIPS":     {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_REGION": "us-east-1"}, "", amazon.Settings{}, "arn:aws:s3:us-east-1:123456789012:accesspoint:models", "https://models-123456789012.s3-accesspoint-fips.us-east-1.amazonaws.com", "AWS_REGION"},
		"an access point in China":  {nil, "region = cn-north-1\n", amazon.Settings{}, "arn:aws-cn:s3:cn-north-1:123456789012:accesspoint/models", "https://models-123456789012.s3-accesspoint.cn-north-1.amazonaws.com.cn", `region of profile "here"`},
		"an access point by a VPC":  {map[string]string{"AWS_ENDPOINT_URL_S3": "https://accesspoint.vpce-1.s3.eu-west-1.vpce.amazonaws.com"}, region, amazon.Settings{}, access, "https://models-123456789012.accesspoint.vpce-1.s3.eu-west-1.vpce.amazonaws.com", "AWS_ENDPOINT_URL_S3"},
		"an access point's alias":   {nil, region, amazon.Settings{}, "models-abcdefghijklmnop1234-s3alias", "https://models-abcdefghijklmnop1234-s3alias.s3.eu-west-1.amazonaws.com", `region of profile "here"`},
		"an access point elsewhere": {nil, "region = us-east-1\n", amazon.Settings{}, access, "", `find bucket ` + access + ` in region us-east-1 (region of profile "here"): Invalid configuration: region from ARN ` + "`eu-west-1` does not match client region `us-east-1`"},
		"an access point, allowed":  {map[string]string{"AWS_S3_USE_ARN_REGION": "true"}, "region = us-east-1\n", amazon.Settings{}, access, "https://models-123456789012.s3-accesspoint.eu-west-1.amazonaws.com", `region of profile "here"`},
		"an access point of a host": {map[string]string{"AWS_ENDPOINT_URL": "http://127.0.0.1:4566"}, region, amazon.Settings{}, access, "", "is an access point, which AWS alone has, and AWS_ENDPOINT_URL says http://127.0.0.1:4566"},
		"no region, an endpoint":    {map[string]string{"AWS_ENDPOINT_URL": "http://h:1"}, "", amazon.Settings{}, "models", "http://h:1/models", "AWS_ENDPOINT_URL"},
		"no region":                 {nil, "", amazon.Settings{}, "models", "", "no AWS region is set: set --region or AWS_REGION"},
		"no region for others":      {map[string]string{"AWS_ENDPOINT_URL_S3": "http://h:1"}, "", amazon.Settings{Services: []string{amazon.S3, amazon.ECS}}, "models", "", "no AWS region is set"},
		"no such profile":           {map[string]string{"AWS_PROFILE": "nobody"}, region, amazon.Settings{}, "models", "", `there is no AWS profile "nobody": check AWS_PROFILE`},
		"no address":                {map[string]string{"AWS_ENDPOINT_URL_S3": "h:1"}, region, amazon.Settings{}, "models", "", `AWS_ENDPOINT_URL_S3 is "h:1": want an address such as http://127.0.0.1:4566`},
		"FIPS and an endpoint":      {map[string]string{"AWS_USE_FIPS_ENDPOINT": "true", "AWS_ENDPOINT_URL": "http://h:1"}, region, amazon.Settings{}, "models", "", "AWS_USE_FIPS_ENDPOINT and AWS_ENDPOINT_URL (http://h:1) contradict each other"},
		"dual stack and an address": {nil, region + "use_dualstack_endpoint = true\nendpoint_url = http://h:1\n", amazon.Settings{}, "models", "", `use_dualstack_endpoint of the profile and endpoint_url of profile "here" (http://h:1) contradict each other`},
		"FIPS, taken back":          {map[string]string{"AWS_USE_FIPS_ENDPOINT": "false", "AWS_ENDPOINT_URL": "http://h:1"}, region + "use_fips_endpoint = true\n", amazon.Settings{}, "models", "http://h:1/models", "AWS_ENDPOINT_URL"},
	} {
		t.Run(name, func(t *testing.T) {
			configure(t, tt.env, tt.profile)
			if tt.settings.Services == nil {
				tt.settings.Services = []string{amazon.S3}
			}
			var got amazon.Endpoint
			a, err := amazon.Open(t.Context(), tt.settings)
			if err == nil {
				got, err = a.Store(t.Context(), tt.bucket)
			}
			switch {
			case tt.url == "":
				if err == nil || !strings.Contains(err.Error(), tt.from) {
					t.Errorf("%+v, %v; want %q", got, err, tt.from)
				}
			case err != nil || got != (amazon.Endpoint{URL: tt.url, From: tt.from}):
				t.Errorf("%+v, %v; want %s by %s", got, err, tt.url, tt.from)
			}
		})
	}
}
