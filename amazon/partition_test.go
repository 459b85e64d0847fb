package amazon_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/sluicehq/sluice/amazon"
)

// The SDK knows the partitions, too: it names that of an ARN's region which is not
// its own one.
func TestPartition(t *testing.T) {
	for _, region := range []string{
		"us-east-1", "eu-central-1", "ap-southeast-5", "ca-west-1", "mx-central-1", "il-central-1", "cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1",
		"eusc-de-east-1", "us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1",
	} {
		for home, its := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn"} {
			_, err := s3.NewDefaultEndpointResolverV2().ResolveEndpoint(t.Context(), s3.EndpointParameters{
				Region: &home, Bucket: aws.String("arn:aws:s3:" + region + ":123456789012:accesspoint:models"), UseArnRegion: aws.Bool(true), UseFIPS: aws.Bool(false), UseDualStack: aws.Bool(false),
				Accelerate: aws.Bool(false), DisableMultiRegionAccessPoints: aws.Bool(true), ForcePathStyle: aws.Bool(false), UseGlobalEndpoint: aws.Bool(false),
			})
			got := amazon.Partition(region)
			if got == its && err != nil || got != its && (err == nil || !strings.HasSuffix(err.Error(), "has `"+got+"`")) {
				t.Errorf("%s lies in %s; in %s the SDK says %v", region, got, its, err)
			}
		}
	}
}
