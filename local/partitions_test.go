package local_test

import (
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	"github.com/aws/aws-sdk-go-v2/service/sts"

	"github.com/sluicehq/sluice/local"
)

// TestPartitions asks every service for ARNs, in regions of several partitions.
func TestPartitions(t *testing.T) {
	for region, partition := range map[string]string{"eu-west-1": "aws", "cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"} {
		url := start(t, local.Config{Region: region, Faults: local.Deny("ecs:DeleteCluster")}).URL()
		cfg, err := config.LoadDefaultConfig(t.Context(), config.WithRegion(region), config.WithBaseEndpoint(url),
			config.WithCredentialsProvider(credentials.NewStaticCredentialsProvider("test", "testtest", "")))
		if err != nil {
			t.Fatal(err)
		}
		clouds, jobs := ecs.NewFromConfig(cfg), trainer{t, sagemaker.NewFromConfig(cfg)}
		in := &s3.CreateBucketInput{
			Bucket: aws.String("training"), CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: s3types.BucketLocationConstraint(region)},
		}
		bucket, err := s3.NewFromConfig(cfg, func(o *s3.Options) { o.UsePathStyle = true }).CreateBucket(t.Context(), in)
		if err != nil {
			t.Fatal(err)
		}
		cluster, err := clouds.CreateCluster(t.Context(), &ecs.CreateClusterInput{ClusterName: aws.String("ads")})
		if err != nil {
			t.Fatal(err)
		}
		if err := jobs.tune("depths", []string{`{"artifact": "none"}`}); err != nil {
			t.Fatal(err)
		}
		jobs.tuned("depths")
		user, err := sts.NewFromConfig(cfg).GetCallerIdentity(t.Context(), &sts.GetCallerIdentityInput{})
		if err != nil {
			t.Fatal(err)
		}
		var logs struct{ LogGroups []struct{ Arn string } }
		if code := askLogs(t, url, "DescribeLogGroups", map[string]any{}, &logs); code != "" || len(logs.LogGroups) != 1 {
			t.Fatalf("%s %+v", code, logs)
		}
		for _, arn := range []*string{
			bucket.BucketArn, cluster.Cluster.ClusterArn, user.Arn, &logs.LogGroups[0].Arn,
			jobs.tuning("depths").HyperParameterTuningJobArn, jobs.children("depths")[0].TrainingJobArn,
		} {
			if !strings.HasPrefix(aws.ToString(arn), "arn:"+partition+":") {
				t.Errorf("in %s: %s", region, aws.ToString(arn))
			}
		}
		if _, err := clouds.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: aws.String("ads")}); err == nil || !strings.Contains(err.Error(), "User: arn:"+partition+":iam::") {
			t.Errorf("in %s it is refused with %v", region, err)
		}
	}
}
