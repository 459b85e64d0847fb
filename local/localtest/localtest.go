// Package localtest is a hand in AWS for tests that run the whole program:
// what people and their pipelines do there. It speaks to an endpoint that is
// running, and starts none.
package localtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	sagemakertypes "github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go"
)

// Cloud is AWS on this machine, with its default credentials.
type Cloud struct {
	s3        *s3.Client
	ecs       *ecs.Client
	sagemaker *sagemaker.Client
}

// Open returns the AWS at the endpoint.
func Open(endpoint string) Cloud {
	c := aws.Config{Region: "us-east-1", BaseEndpoint: &endpoint, Credentials: credentials.NewStaticCredentialsProvider("test", "testtest", "")}
	return Cloud{s3.NewFromConfig(c, func(o *s3.Options) { o.UsePathStyle = true }), ecs.NewFromConfig(c), sagemaker.NewFromConfig(c)}
}

// Buckets creates buckets.
func (c Cloud) Buckets(ctx context.Context, names ...string) error {
	for _, name := range names {
		if _, err := c.s3.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name}); err != nil {
			return fmt.Errorf("create bucket %s: %w", name, err)
		}
	}
	return nil
}

// Upload stores an object.
func (c Cloud) Upload(ctx context.Context, bucket, key string, body []byte) error {
	if _, err := c.s3.PutObject(ctx, &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(body)}); err != nil {
		return fmt.Errorf("upload s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// Version keeps every version of a bucket's objects from now on.
func (c Cloud) Version(ctx context.Context, bucket string) error {
	on := &s3types.VersioningConfiguration{Status: s3types.BucketVersioningStatusEnabled}
	if _, err := c.s3.PutBucketVersioning(ctx, &s3.PutBucketVersioningInput{Bucket: &bucket, VersioningConfiguration: on}); err != nil {
		return fmt.Errorf("version bucket %s: %w", bucket, err)
	}
	return nil
}

// Expire gives a bucket a lifecycle: of keys that begin with one of the prefixes
// earlier versions go after a day, and with current set the objects, too.
func (c Cloud) Expire(ctx context.Context, bucket string, current bool, prefixes ...string) error {
	var rules []s3types.LifecycleRule
	for i, prefix := range prefixes {
		rule := s3types.LifecycleRule{
			ID: aws.String(strconv.Itoa(i)), Status: s3types.ExpirationStatusEnabled, Filter: &s3types.LifecycleRuleFilter{Prefix: &prefix},
			NoncurrentVersionExpiration: &s3types.NoncurrentVersionExpiration{NoncurrentDays: aws.Int32(1)},
		}
		if current {
			rule.Expiration = &s3types.LifecycleExpiration{Days: aws.Int32(30)}
		}
		rules = append(rules, rule)
	}
	if _, err := c.s3.PutBucketLifecycleConfiguration(ctx, &s3.PutBucketLifecycleConfigurationInput{
		Bucket: &bucket, LifecycleConfiguration: &s3types.BucketLifecycleConfiguration{Rules: rules},
	}); err != nil {
		return fmt.Errorf("let versions of bucket %s go: %w", bucket, err)
	}
	return nil
}

// Newest returns the id of the newest version of an object.
func (c Cloud) Newest(ctx context.Context, bucket, key string) (version string, err error) {
	head, err := c.s3.HeadObject(ctx, &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return "", fmt.Errorf("look at s3://%s/%s: %w", bucket, key, err)
	}
	return aws.ToString(head.VersionId), nil
}

// Versions counts the versions of all objects whose keys begin so, and what marks
// that they were deleted.
func (c Cloud) Versions(ctx context.Context, bucket, prefix string) (int, error) {
	list, err := c.s3.ListObjectVersions(ctx, &s3.ListObjectVersionsInput{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		return 0, fmt.Errorf("list versions of s3://%s/%s: %w", bucket, prefix, err)
	}
	return len(list.Versions) + len(list.DeleteMarkers), nil
}

// Restore makes an earlier version of an object the newest again.
func (c Cloud) Restore(ctx context.Context, bucket, key, version string) error {
	got, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: &key, VersionId: &version})
	if err != nil {
		return fmt.Errorf("get version %s of s3://%s/%s: %w", version, bucket, key, err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		return fmt.Errorf("read version %s of s3://%s/%s: %w", version, bucket, key, err)
	}
	return c.Upload(ctx, bucket, key, body)
}

// Remove removes an object, or only one version of it where one is given.
func (c Cloud) Remove(ctx context.Context, bucket, key, version string) error {
	in := &s3.DeleteObjectInput{Bucket: &bucket, Key: &key}
	if version != "" {
		in.VersionId = &version
	}
	if _, err := c.s3.DeleteObject(ctx, in); err != nil {
		return fmt.Errorf("remove s3://%s/%s: %w", bucket, key, err)
	}
	return nil
}

// RemoveAll removes all objects whose keys begin so, and says how many.
func (c Cloud) RemoveAll(ctx context.Context, bucket, prefix string) (n int, err error) {
	list, err := c.s3.ListObjectsV2(ctx, &s3.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	if err != nil {
		return 0, fmt.Errorf("list s3://%s/%s: %w", bucket, prefix, err)
	}
	for _, o := range list.Contents {
		if err := c.Remove(ctx, bucket, aws.ToString(o.Key), ""); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// Replicate copies what is in a bucket to the bucket of that name elsewhere, as
// S3's replication does to another region.
func (c Cloud) Replicate(ctx context.Context, bucket string, to Cloud) error {
	pages := s3.NewListObjectsV2Paginator(c.s3, &s3.ListObjectsV2Input{Bucket: &bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return err
		}
		for _, o := range page.Contents {
			object, err := c.s3.GetObject(ctx, &s3.GetObjectInput{Bucket: &bucket, Key: o.Key})
			if err != nil {
				return err
			}
			body, err := io.ReadAll(object.Body)
			if err := errors.Join(err, object.Body.Close()); err != nil {
				return err
			}
			if err := to.Upload(ctx, bucket, aws.ToString(o.Key), body); err != nil {
				return err
			}
		}
	}
	return nil
}

// LoseBucket removes a bucket with all that is in it, whoever still writes there.
func (c Cloud) LoseBucket(ctx context.Context, bucket string) error {
	for {
		if _, err := c.RemoveAll(ctx, bucket, ""); err != nil {
			return err
		}
		_, err := c.s3.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &bucket})
		var answer smithy.APIError
		if !errors.As(err, &answer) || answer.ErrorCode() != "BucketNotEmpty" || ctx.Err() != nil {
			return err
		}
	}
}

// Service creates cluster ads with the service inference: so many tasks that
// run the command, with ports 9090 to 9092.
func (c Cloud) Service(ctx context.Context, tasks int, command ...string) error {
	return c.ServiceIn(ctx, "ads", tasks, command...)
}

// ServiceIn does so with a cluster of another name.
func (c Cloud) ServiceIn(ctx context.Context, cluster string, tasks int, command ...string) error {
	if _, err := c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &cluster}); err != nil {
		return fmt.Errorf("create the cluster: %w", err)
	}
	container := ecstypes.ContainerDefinition{Name: aws.String("task"), Image: aws.String("sluice"), Memory: aws.Int32(256), Command: command}
	for _, port := range []int32{9090, 9091, 9092} {
		container.PortMappings = append(container.PortMappings, ecstypes.PortMapping{ContainerPort: aws.Int32(port)})
	}
	if _, err := c.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: aws.String("inference"), NetworkMode: ecstypes.NetworkModeAwsvpc, ContainerDefinitions: []ecstypes.ContainerDefinition{container},
	}); err != nil {
		return fmt.Errorf("register the task definition: %w", err)
	}
	if _, err := c.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: &cluster, ServiceName: aws.String("inference"), TaskDefinition: aws.String("inference"), DesiredCount: aws.Int32(int32(tasks)),
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{"subnet-local"}}},
	}); err != nil {
		return fmt.Errorf("create the service: %w", err)
	}
	return nil
}

// SoundService creates cluster ads with the service inference as deploy/aws has
// them, as far as this machine knows: so many tasks that run the command with the
// variables.
func (c Cloud) SoundService(ctx context.Context, tasks int, variables map[string]string, command ...string) error {
	ads, inference := aws.String("ads"), aws.String("inference")
	container := ecstypes.ContainerDefinition{
		Name: aws.String("sluice"), Image: aws.String("sluice"), Memory: aws.Int32(256), StopTimeout: aws.Int32(40), Command: command,
		HealthCheck: &ecstypes.HealthCheck{Command: []string{"CMD", "true"}, Interval: aws.Int32(300)},
	}
	for name, value := range variables {
		container.Environment = append(container.Environment, ecstypes.KeyValuePair{Name: &name, Value: &value})
	}
	for _, port := range []int32{9090, 9091, 9092} {
		container.PortMappings = append(container.PortMappings, ecstypes.PortMapping{ContainerPort: aws.Int32(port)})
	}
	group := aws.String("arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/ads/1")
	machines := ecstypes.CapacityProviderStrategyItem{CapacityProvider: aws.String("machines"), Weight: 1}
	_, cluster := c.ecs.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: ads, CapacityProviders: []string{*machines.CapacityProvider}})
	_, definition := c.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: inference, NetworkMode: ecstypes.NetworkModeAwsvpc, ContainerDefinitions: []ecstypes.ContainerDefinition{container},
	})
	_, service := c.ecs.CreateService(ctx, &ecs.CreateServiceInput{
		Cluster: ads, ServiceName: inference, TaskDefinition: inference, DesiredCount: aws.Int32(int32(tasks)),
		AvailabilityZoneRebalancing: ecstypes.AvailabilityZoneRebalancingDisabled, CapacityProviderStrategy: []ecstypes.CapacityProviderStrategyItem{machines},
		LoadBalancers:        []ecstypes.LoadBalancer{{ContainerName: container.Name, ContainerPort: aws.Int32(9090), TargetGroupArn: group}},
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: []string{"subnet-local"}}},
	})
	return errors.Join(cluster, definition, service)
}

// Processes returns the process ids of the running tasks of the service.
func (c Cloud) Processes(ctx context.Context) ([]int, error) {
	listed, err := c.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: aws.String("ads"), ServiceName: aws.String("inference")})
	if err != nil || len(listed.TaskArns) == 0 {
		return nil, err
	}
	described, err := c.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("ads"), Tasks: listed.TaskArns})
	if err != nil {
		return nil, fmt.Errorf("describe tasks: %w", err)
	}
	var ids []int
	for _, t := range described.Tasks {
		for _, container := range t.Containers {
			if id, err := strconv.Atoi(aws.ToString(container.RuntimeId)); err == nil && id > 1 {
				ids = append(ids, id)
			}
		}
	}
	return ids, nil
}

// Stop stops a task of the service, which starts another.
func (c Cloud) Stop(ctx context.Context, task string) error {
	if _, err := c.ecs.StopTask(ctx, &ecs.StopTaskInput{Cluster: aws.String("ads"), Task: &task}); err != nil {
		return fmt.Errorf("stop task %s: %w", task, err)
	}
	return nil
}

// Deploy begins a deployment of the service, in which every task is replaced.
func (c Cloud) Deploy(ctx context.Context) error {
	if _, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("ads"), Service: aws.String("inference"), ForceNewDeployment: true}); err != nil {
		return fmt.Errorf("deploy the service: %w", err)
	}
	return nil
}

// Redeploy begins a deployment of the service with tasks that run another command.
func (c Cloud) Redeploy(ctx context.Context, command ...string) error {
	was, err := c.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("inference")})
	if err != nil {
		return fmt.Errorf("describe the task definition: %w", err)
	}
	d := was.TaskDefinition
	d.ContainerDefinitions[0].Command = command
	if _, err := c.ecs.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: d.Family, NetworkMode: d.NetworkMode, ContainerDefinitions: d.ContainerDefinitions,
	}); err != nil {
		return fmt.Errorf("register the task definition: %w", err)
	}
	if _, err := c.ecs.UpdateService(ctx, &ecs.UpdateServiceInput{Cluster: aws.String("ads"), Service: aws.String("inference"), TaskDefinition: d.Family}); err != nil {
		return fmt.Errorf("deploy the service: %w", err)
	}
	return nil
}

// Deploying is the deployment of the service that is under way; empty for none.
func (c Cloud) Deploying(ctx context.Context) (string, error) {
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: aws.String("ads"), Services: []string{"inference"}})
	if err != nil {
		return "", fmt.Errorf("describe the service: %w", err)
	}
	for _, s := range out.Services {
		for _, d := range s.Deployments {
			if d.RolloutState == ecstypes.DeploymentRolloutStateInProgress {
				return aws.ToString(d.Id), nil
			}
		}
	}
	return "", nil
}

// LastDeployment is from when to when ECS was about the newest deployment of the
// service, and how it stands: SUCCESSFUL, for one. Until it ends, ended is zero.
func (c Cloud) LastDeployment(ctx context.Context) (status string, began, ended time.Time, err error) {
	out, err := c.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: aws.String("ads"), Service: aws.String("inference")})
	if err != nil || len(out.ServiceDeployments) == 0 {
		return "", began, ended, fmt.Errorf("list the deployments of the service: %w %+v", err, out)
	}
	d := out.ServiceDeployments[0]
	return string(d.Status), aws.ToTime(d.StartedAt), aws.ToTime(d.FinishedAt), nil
}

// Protect protects a task of the service from scale-in, for 0 minutes no longer.
func (c Cloud) Protect(ctx context.Context, task string, minutes int) error {
	in := &ecs.UpdateTaskProtectionInput{Cluster: aws.String("ads"), Tasks: []string{task}}
	if minutes > 0 {
		in.ProtectionEnabled, in.ExpiresInMinutes = true, aws.Int32(int32(minutes))
	}
	out, err := c.ecs.UpdateTaskProtection(ctx, in)
	if err != nil || len(out.Failures) > 0 {
		return fmt.Errorf("protect task %s: %w %+v", task, err, out)
	}
	return nil
}

// Protected are the tasks of the service that are protected from scale-in, and
// until when.
func (c Cloud) Protected(ctx context.Context) (map[string]time.Time, error) {
	out, err := c.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: aws.String("ads")})
	if err != nil {
		return nil, fmt.Errorf("read who is protected: %w", err)
	}
	until := map[string]time.Time{}
	for _, p := range out.ProtectedTasks {
		if p.ProtectionEnabled {
			until[path.Base(aws.ToString(p.TaskArn))] = aws.ToTime(p.ExpirationDate)
		}
	}
	return until, nil
}

// Train completes a training job whose artifact is the file.
func (c Cloud) Train(ctx context.Context, job, artifactFile, bucket string) error {
	_, err := c.sagemaker.CreateTrainingJob(ctx, &sagemaker.CreateTrainingJobInput{
		TrainingJobName: &job, RoleArn: aws.String("arn:aws:iam::000000000000:role/training"),
		AlgorithmSpecification: &sagemakertypes.AlgorithmSpecification{
			TrainingImage: aws.String("sagemaker-xgboost:3.0-5"), TrainingInputMode: sagemakertypes.TrainingInputModeFile,
		},
		HyperParameters:   map[string]string{"sluice_artifact": artifactFile},
		OutputDataConfig:  &sagemakertypes.OutputDataConfig{S3OutputPath: aws.String("s3://" + bucket + "/models")},
		ResourceConfig:    &sagemakertypes.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: sagemakertypes.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(10)},
		StoppingCondition: &sagemakertypes.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
	})
	if err != nil {
		return fmt.Errorf("create training job %s: %w", job, err)
	}
	return nil
}

// Tune begins a tuning job that trains one job for each of the courses, all at
// once; each is a value of sluice_job. The best has the highest validation:auc.
func (c Cloud) Tune(ctx context.Context, name, bucket string, courses ...string) error {
	_, err := c.sagemaker.CreateHyperParameterTuningJob(ctx, &sagemaker.CreateHyperParameterTuningJobInput{
		HyperParameterTuningJobName: &name,
		HyperParameterTuningJobConfig: &sagemakertypes.HyperParameterTuningJobConfig{
			Strategy:       sagemakertypes.HyperParameterTuningJobStrategyTypeGrid,
			ResourceLimits: &sagemakertypes.ResourceLimits{MaxParallelTrainingJobs: aws.Int32(int32(len(courses)))},
			HyperParameterTuningJobObjective: &sagemakertypes.HyperParameterTuningJobObjective{
				Type: sagemakertypes.HyperParameterTuningJobObjectiveTypeMaximize, MetricName: aws.String("validation:auc"),
			},
			ParameterRanges: &sagemakertypes.ParameterRanges{
				CategoricalParameterRanges: []sagemakertypes.CategoricalParameterRange{{Name: aws.String("sluice_job"), Values: courses}},
			},
		},
		TrainingJobDefinition: &sagemakertypes.HyperParameterTrainingJobDefinition{
			AlgorithmSpecification: &sagemakertypes.HyperParameterAlgorithmSpecification{
				TrainingImage: aws.String("sagemaker-xgboost:3.0-5"), TrainingInputMode: sagemakertypes.TrainingInputModeFile,
			},
			RoleArn:           aws.String("arn:aws:iam::000000000000:role/training"),
			OutputDataConfig:  &sagemakertypes.OutputDataConfig{S3OutputPath: aws.String("s3://" + bucket + "/jobs")},
			ResourceConfig:    &sagemakertypes.ResourceConfig{InstanceCount: aws.Int32(1), InstanceType: sagemakertypes.TrainingInstanceTypeMlM5Large, VolumeSizeInGB: aws.Int32(10)},
			StoppingCondition: &sagemakertypes.StoppingCondition{MaxRuntimeInSeconds: aws.Int32(3600)},
		},
	})
	if err != nil {
		return fmt.Errorf("tune %s: %w", name, err)
	}
	return nil
}

// Best is the training job that SageMaker calls the best of a tuning job.
func (c Cloud) Best(ctx context.Context, name string) (string, error) {
	out, err := c.sagemaker.DescribeHyperParameterTuningJob(ctx, &sagemaker.DescribeHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
	if err != nil || out.BestTrainingJob == nil {
		return "", fmt.Errorf("ask for the best of tuning job %s: %w %+v", name, err, out)
	}
	return aws.ToString(out.BestTrainingJob.TrainingJobName), nil
}

// StopTuning stops a tuning job.
func (c Cloud) StopTuning(ctx context.Context, name string) error {
	_, err := c.sagemaker.StopHyperParameterTuningJob(ctx, &sagemaker.StopHyperParameterTuningJobInput{HyperParameterTuningJobName: &name})
	if err != nil {
		return fmt.Errorf("stop tuning job %s: %w", name, err)
	}
	return nil
}
