package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	sagemakertypes "github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// What things are called in the demo's cloud.
const (
	bucket   = "sluice"   // the control plane's
	training = "training" // where training jobs leave their artifacts
	cluster  = "ads"
	service  = "inference"
	family   = "inference" // of its task definitions
	roleARN  = "arn:aws:iam::000000000000:role/training"
)

// cloud is the demo's own hand in AWS: what people and their pipelines do.
type cloud struct {
	s3        *s3.Client
	ecs       *ecs.Client
	sagemaker *sagemaker.Client
}

// openCloud waits until AWS on this machine answers.
func openCloud(ctx context.Context, endpoint string) (*cloud, error) {
	c := aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "testtest", "")} // nothing of whoever runs the demo
	opened := &cloud{s3: s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle, o.BaseEndpoint = true, &endpoint }), ecs: ecs.NewFromConfig(c), sagemaker: sagemaker.NewFromConfig(c)}
	var err error
	wait, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err = opened.s3.ListBuckets(wait, &s3.ListBucketsInput{}); err == nil {
			return opened, nil
		}
		if wait.Err() != nil {
			return nil, fmt.Errorf("wait for AWS on this machine: %w", err)
		}
		pause(wait, 50*time.Millisecond)
	}
}

// set makes the buckets and the service of inference tasks.
func (c *cloud) set(ctx context.Context, s *stage) error {
	for _, name := range []string{bucket, training} {
		if _, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
			return fmt.Errorf("create bucket %s: %w", name, err)
		}
		versioned := &s3.PutBucketVersioningInput{Bucket: &name, VersioningConfiguration: &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}}
		if _, err := c.s3.PutBucketVersioning(ctx, versioned); err != nil {
			return fmt.Errorf("version bucket %s: %w", name, err)
		}
	}
	if _, err := c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: aws.String(cluster)}); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	if err := c.define(ctx, s.program, "sluice"); err != nil {
		return err
	}
	created := &ecs.CreateServiceInput{
		Cluster: aws.String(cluster), ServiceName: aws.String(service), TaskDefinition: aws.String(family), DesiredCount: aws.Int32(int32(s.Tasks)),
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{"subnet-" + zones()[0].name, "subnet-" + zones()[1].name}}},
	}
	if _, err := c.ecs.CreateService(ctx, created); err != nil {
		return fmt.Errorf("create the service: %w", err)
	}
	return nil
}

// define registers a revision of the tasks' definition.
func (c *cloud) define(ctx context.Context, program, image string) error {
	container := ecstypes.ContainerDefinition{
		Name: aws.String("task"), Image: &image, Memory: aws.Int32(256),
		Command: []string{
			program, "task", "--fleet", fleet, "--bucket", bucket, "--drain-delay", "500ms", "--drain-timeout", "3s",
			"--deadline", "1s",
		}, // one machine does everything here
	}
	for _, port := range []int32{9090, 9091, 9092} {
		container.PortMappings = append(container.PortMappings, ecstypes.PortMapping{ContainerPort: aws.Int32(port)})
	}
	revision := &ecs.RegisterTaskDefinitionInput{
		Family: aws.String(family), NetworkMode: ecstypes.NetworkModeAwsvpc, ContainerDefinitions: []ecstypes.ContainerDefinition{container},
	}
	if _, err := c.ecs.RegisterTaskDefinition(ctx, revision); err != nil {
		return fmt.Errorf("register the task definition: %w", err)
	}
	return nil
}

// complete runs a training job that ends with the given artifact; with nil, it
// ends without having uploaded any.
func (c *cloud) complete(ctx context.Context, name, dir string, artifact []byte) error {
	from := "none"
	if artifact != nil {
		from = dir + "/" + name + ".tar.gz"
		if err := os.WriteFile(from, artifact, 0o600); err != nil {
			return fmt.Errorf("write the artifact of %s: %w", name, err)
		}
	}
	_, err := c.sagemaker.CreateTrainingJob(ctx, &sagemaker.CreateTrainingJobInput{
		TrainingJobName: &name, RoleArn: aws.String(roleARN),
		AlgorithmSpecification: &sagemakertypes.AlgorithmSpecification{
			TrainingImage: aws.String("sagemaker-xgboost:3.0-5"), TrainingInputMode: sagemakertypes.TrainingInputModeFile,
		},
		HyperParameters:   map[string]string{"sluice_artifact": from},
		OutputDataConfig:  &sagemakertypes.OutputDataConfig{S3OutputPath: aws.String("s3://" + training + "/models")},
		ResourceConfig:    &sagemakertypes.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: sagemakertypes.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(10)},
		StoppingCondition: &sagemakertypes.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
	})
	if err != nil {
		return fmt.Errorf("create training job %s: %w", name, err)
	}
	return nil
}

// upload puts what a job's artifact is to be where it belongs.
func (c *cloud) upload(ctx context.Context, job string, artifact []byte) error {
	key := "models/" + job + "/output/model.tar.gz"
	if _, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: aws.String(training), Key: &key, Body: bytes.NewReader(artifact)}); err != nil {
		return fmt.Errorf("upload %s: %w", key, err)
	}
	return nil
}

// document reads one of the controller's documents; found is false while there
// is none.
func (c *cloud) document(ctx context.Context, key string) (body []byte, found bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	o, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: aws.String(bucket), Key: &key})
	if missing := (*s3types.NoSuchKey)(nil); errors.As(err, &missing) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	defer func() { _ = o.Body.Close() }() // it was read to its end
	if body, err = io.ReadAll(io.LimitReader(o.Body, 64<<20)); err != nil {
		return nil, false, fmt.Errorf("read %s: %w", key, err)
	}
	return body, true, nil
}

// state is the fleet's state as the controller saved it last.
func (c *cloud) state(ctx context.Context) (s rollout.State, err error) {
	body, found, err := c.document(ctx, release.FleetKey(fleet))
	if err != nil || !found {
		return s, err
	}
	return s, json.Unmarshal(body, &s)
}

// ended is a rollout that has ended: from the state, or from the archive.
func (c *cloud) ended(ctx context.Context, s rollout.State, id string) (r rollout.Rollout, found bool, err error) {
	for _, r := range s.Finished {
		if r.ID == id {
			return r, true, nil
		}
	}
	body, found, err := c.document(ctx, "fleets/"+fleet+"/rollouts/"+id+".json")
	if err != nil || !found {
		return r, false, err
	}
	return r, true, json.Unmarshal(body, &r)
}

// known is a rollout as far as it can be told: one that has ended since the state
// before, with the verdict that ended it, may be in the archive alone.
func (c *cloud) known(ctx context.Context, now, before rollout.State, id string) *rollout.Rollout {
	if r := now.Find(id); r != nil || id == "" {
		return r
	}
	if r, found, err := c.ended(ctx, now, id); found && err == nil {
		return &r
	}
	return before.Find(id)
}

// killTask kills the process of a task, as a broken host would.
func (c *cloud) killTask(ctx context.Context, id string) error {
	described, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String(cluster), Tasks: []string{id}})
	if err != nil {
		return fmt.Errorf("describe task %s: %w", id, err)
	}
	if len(described.Tasks) != 1 || len(described.Tasks[0].Containers) != 1 {
		return fmt.Errorf("task %s is not running", id)
	}
	pid, err := strconv.Atoi(aws.ToString(described.Tasks[0].Containers[0].RuntimeId))
	if err != nil || pid <= 1 {
		return fmt.Errorf("task %s does not say which process it is", id)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("kill task %s: %w", id, err)
	}
	return nil
}

// pause waits a moment, or less if ctx ends.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// tasks is what the controller saw of the tasks last.
func (c *cloud) tasks(ctx context.Context) ([]rollout.Task, error) {
	var look rollout.Look
	body, found, err := c.document(ctx, "fleets/"+fleet+"/look.json")
	if err != nil || !found {
		return nil, err
	}
	err = json.Unmarshal(body, &look)
	return look.Seen.Tasks, err
}
