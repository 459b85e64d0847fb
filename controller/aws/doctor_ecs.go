package aws

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker"
	smtypes "github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/sluicehq/sluice/controller/doctor"
	"github.com/sluicehq/sluice/controller/rollout"
)

// noTask is the id of a task that does not exist.
const noTask = "00000000000000000000000000000000"

// service asks for the service, and for the definition of its tasks.
func (e *exam) service(ctx context.Context) {
	var found *types.Service
	e.try(ctx, trial{right: "ecs:DescribeServices", needed: true, doing: "describe the service", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		out, err := e.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &e.o.Cluster, Services: []string{e.o.Service}})
		if err != nil {
			return m, err
		}
		i := slices.IndexFunc(out.Services, func(s types.Service) bool { return isNamed(s, e.o.Service) && aws.ToString(s.Status) == "ACTIVE" })
		if i < 0 {
			return m, &types.ServiceNotFoundException{}
		}
		found = &out.Services[i]
		return out.ResultMetadata, nil
	})
	if found == nil {
		return
	}
	e.facts.Service = serviceOf(*found)
	e.try(ctx, trial{right: "ecs:DescribeTaskDefinition", needed: true, doing: "describe the task definition", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		out, err := e.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: found.TaskDefinition})
		if err == nil && out.TaskDefinition != nil {
			e.facts.Definition = definitionOf(*out.TaskDefinition)
		}
		return m, err
	})
	e.targets(ctx, *found)
	e.scaling(ctx, *found)
	if shifting := strategy(*found); shifting != "" && shifting != types.DeploymentStrategyRolling {
		e.try(ctx, trial{right: "ecs:ListServiceDeployments", needed: true, doing: "list deployments", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
			_, err = e.ecs.ListServiceDeployments(ctx, &ecs.ListServiceDeploymentsInput{Cluster: &e.o.Cluster, Service: &e.o.Service, MaxResults: aws.Int32(1)})
			return m, err
		})
	}
}

func serviceOf(s types.Service) *doctor.Service {
	of := &doctor.Service{
		Scheduling: string(s.SchedulingStrategy), Rebalancing: s.AvailabilityZoneRebalancing == types.AvailabilityZoneRebalancingEnabled,
		Desired: int(s.DesiredCount), Running: int(s.RunningCount), LeastHealthy: 100, Launch: string(s.LaunchType),
	}
	if s.DeploymentController != nil {
		of.Controller = string(s.DeploymentController.Type)
	}
	if c := s.DeploymentConfiguration; c != nil && c.MinimumHealthyPercent != nil {
		of.LeastHealthy = int(*c.MinimumHealthyPercent)
	}
	for _, p := range s.CapacityProviderStrategy {
		of.Providers = append(of.Providers, aws.ToString(p.CapacityProvider))
	}
	for _, b := range s.LoadBalancers {
		of.Groups = append(of.Groups, aws.ToString(b.TargetGroupArn)+aws.ToString(b.LoadBalancerName))
		of.Classic = of.Classic || b.LoadBalancerName != nil && b.TargetGroupArn == nil
		of.Ports = append(of.Ports, int(aws.ToInt32(b.ContainerPort)))
	}
	return of
}

func definitionOf(d types.TaskDefinition) *doctor.Definition {
	of := &doctor.Definition{
		Name:   id(aws.ToString(d.TaskDefinitionArn)),
		Hosted: d.NetworkMode != types.NetworkModeAwsvpc && d.NetworkMode != types.NetworkModeHost,
	}
	for _, c := range d.ContainerDefinitions {
		container := doctor.Container{
			Name: aws.ToString(c.Name), HealthCheck: c.HealthCheck != nil && len(c.HealthCheck.Command) > 0,
			StopTimeout: time.Duration(aws.ToInt32(c.StopTimeout)) * time.Second, Options: taskOptions(c),
		}
		for _, m := range c.PortMappings {
			if m.Protocol != types.TransportProtocolUdp {
				container.Ports = append(container.Ports, int(aws.ToInt32(m.ContainerPort)))
			}
		}
		of.Containers = append(of.Containers, container)
	}
	return of
}

// taskOptions are what a container starts sluice task with: its flags, and the
// variables that stand for flags that are not there. Nil where it starts another
// program.
func taskOptions(c types.ContainerDefinition) map[string]string {
	words := slices.Concat(c.EntryPoint, c.Command)
	i := slices.Index(words, "task")
	if i < 0 {
		return nil
	}
	options := map[string]string{}
	for _, v := range c.Environment {
		if name, is := strings.CutPrefix(aws.ToString(v.Name), "SLUICE_"); is {
			options[strings.ReplaceAll(strings.ToLower(name), "_", "-")] = aws.ToString(v.Value)
		}
	}
	for ; i < len(words); i++ {
		name, is := strings.CutPrefix(words[i], "--")
		if !is {
			continue
		}
		value, joined := "", false
		if name, value, joined = strings.Cut(name, "="); !joined && i+1 < len(words) && !strings.HasPrefix(words[i+1], "--") {
			value = words[i+1]
		}
		options[name] = value
	}
	return options
}

// tasks asks for those that run, the first hundred of them, as it does for the
// protection of one that does not exist.
func (e *exam) tasks(ctx context.Context) (running []rollout.Task) {
	var arns []string
	var described []types.Task
	e.try(ctx, trial{right: "ecs:ListTasks", needed: true, doing: "list tasks", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		out, err := e.ecs.ListTasks(ctx, &ecs.ListTasksInput{Cluster: &e.o.Cluster, ServiceName: &e.o.Service, MaxResults: aws.Int32(tasksPerCall)})
		if err == nil {
			arns = out.TaskArns
		}
		return m, err
	})
	if len(arns) > 0 {
		e.try(ctx, trial{right: "ecs:DescribeTasks", needed: true, doing: "describe tasks", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
			out, err := e.ecs.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &e.o.Cluster, Tasks: arns, Include: []types.TaskField{types.TaskFieldTags}})
			if err == nil {
				described = slices.DeleteFunc(out.Tasks, func(d types.Task) bool { return aws.ToString(d.LastStatus) != "RUNNING" || d.TaskArn == nil })
			}
			return m, err
		})
	}
	e.machines(ctx, described)
	refused := e.protection(ctx, described)
	tasks := e.Tasks(e.o)
	known := tasks.resolve(ctx, described)
	for _, d := range described {
		task := rollout.Task{ID: id(*d.TaskArn)}
		var err error
		if task.Address, err = address(d, e.o.ControlPort, known); err != nil {
			task.Error = err.Error()
		}
		running = append(running, task)
		e.facts.Tasks = append(e.facts.Tasks, doctor.Task{ID: task.ID, Address: task.Address, Trouble: task.Error, Unprotected: refused[task.ID]})
	}
	return running
}

// machines asks for the container instances that tasks stand on, where any does.
func (e *exam) machines(ctx context.Context, described []types.Task) {
	var machines []string
	for _, d := range described {
		if arn := aws.ToString(d.ContainerInstanceArn); arn != "" && !slices.Contains(machines, arn) {
			machines = append(machines, arn)
		}
	}
	if len(machines) == 0 {
		return
	}
	e.try(ctx, trial{right: "ecs:DescribeContainerInstances", needed: true, doing: "describe container instances", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		_, err = e.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{Cluster: &e.o.Cluster, ContainerInstances: machines})
		return m, err
	})
}

// protection asks who is protected, and returns the tasks that ECS would not
// protect.
func (e *exam) protection(ctx context.Context, described []types.Task) map[string]string {
	refused := map[string]string{}
	var ids []string
	for _, d := range described {
		ids = append(ids, id(*d.TaskArn))
	}
	if len(ids) > 0 {
		e.try(ctx, trial{right: "ecs:GetTaskProtection", needed: true, doing: "read who is protected", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
			out, err := e.ecs.GetTaskProtection(ctx, &ecs.GetTaskProtectionInput{Cluster: &e.o.Cluster, Tasks: ids})
			if err != nil {
				return m, err
			}
			for _, f := range out.Failures {
				if reason := aws.ToString(f.Reason); reason != reasonMissing {
					refused[id(aws.ToString(f.Arn))] = reason
				}
			}
			return out.ResultMetadata, nil
		})
	}
	e.try(ctx, trial{right: "ecs:UpdateTaskProtection", needed: true, doing: "protect a task that does not exist", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		_, err = e.ecs.UpdateTaskProtection(ctx, &ecs.UpdateTaskProtectionInput{Cluster: &e.o.Cluster, Tasks: []string{noTask}})
		if gone(err) { // as good as MISSING: it may
			err = nil
		}
		return m, err
	})
	return refused
}

// jobsLooked bounds the training jobs that are looked through for a name.
const jobsLooked = 1000

// jobs reads the names of the jobs that completed last.
func (e *exam) jobs(ctx context.Context) {
	found := &doctor.Jobs{}
	if e.try(ctx, trial{right: "sagemaker:ListTrainingJobs", needed: true, doing: "list training jobs"}, func(ctx context.Context) (m middleware.Metadata, err error) {
		in := &sagemaker.ListTrainingJobsInput{
			StatusEquals: smtypes.TrainingJobStatusCompleted, MaxResults: aws.Int32(jobsPerPage),
			SortBy: smtypes.SortByCreationTime, SortOrder: smtypes.SortOrderDescending,
		}
		if common := commonPart(e.facts.Asked.Jobs); common != "" {
			in.NameContains = &common
		}
		for range jobsLooked / jobsPerPage {
			out, err := e.sagemaker.ListTrainingJobs(ctx, in)
			if err != nil {
				return m, err
			}
			for _, s := range out.TrainingJobSummaries {
				found.Completed = append(found.Completed, aws.ToString(s.TrainingJobName))
			}
			if in.NextToken = out.NextToken; in.NextToken == nil {
				found.All = true
				break
			}
		}
		return m, nil
	}) {
		e.facts.Jobs = found
	}
}
