package nlb

import (
	"cmp"
	"context"
	"net"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/amazon"
)

// Finder finds the tasks of an ECS service. In bridge mode tasks are taken to
// be on this machine.
type Finder struct {
	Client           *ecs.Client
	Cluster, Service string
	Port, HealthPort int    // container ports
	Zone             string // whose tasks are found; empty: those of all zones
}

// Targets are the service's running tasks.
func (f *Finder) Targets(ctx context.Context) ([]Target, error) {
	var targets []Target
	pages := ecs.NewListTasksPaginator(f.Client, &ecs.ListTasksInput{Cluster: &f.Cluster, ServiceName: &f.Service})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, f.explain("list tasks", err)
		}
		if len(page.TaskArns) == 0 {
			continue
		}
		out, err := f.Client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: &f.Cluster, Tasks: page.TaskArns})
		if err != nil {
			return nil, f.explain("describe tasks", err)
		}
		for _, t := range out.Tasks {
			if target, ok := f.target(t); ok {
				targets = append(targets, target)
			}
		}
	}
	return targets, nil
}

func (f *Finder) explain(doing string, err error) error {
	return amazon.Explain(doing, amazon.Place{Cluster: f.Cluster, Service: f.Service}, err)
}

func (f *Finder) target(t types.Task) (Target, bool) {
	if aws.ToString(t.LastStatus) != "RUNNING" {
		return Target{}, false
	}
	flows, ok1 := endpoint(t, f.Port)
	health, ok2 := endpoint(t, f.HealthPort)
	here := f.Zone == "" || f.Zone == aws.ToString(t.AvailabilityZone)
	return Target{ID: aws.ToString(t.TaskArn), Address: flows, Health: health}, here && ok1 && ok2
}

// endpoint is where a container port of a task is reached.
func endpoint(t types.Task, port int) (string, bool) {
	for _, c := range t.Containers {
		for _, i := range c.NetworkInterfaces {
			return net.JoinHostPort(cmp.Or(aws.ToString(i.PrivateIpv4Address), aws.ToString(i.Ipv6Address)), strconv.Itoa(port)), true
		}
		for _, b := range c.NetworkBindings {
			if int(aws.ToInt32(b.ContainerPort)) == port {
				return net.JoinHostPort("127.0.0.1", strconv.Itoa(int(aws.ToInt32(b.HostPort)))), true
			}
		}
	}
	return "", false
}
