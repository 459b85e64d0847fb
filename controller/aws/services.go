package aws

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// servicesPerCall is what DescribeServices takes.
const servicesPerCall = 10

// services are the ECS services that the fleets of this process run on. One
// call tells of ten of them, so those of a cluster are asked for together.
type services struct {
	turn  chan struct{} // held while ECS is asked, so that fleets that look at the same time ask once
	names map[string][]string
	seen  map[place]seenService
}

// seenService is a service as ECS told it last; nil where there is none.
type seenService struct {
	*types.Service
	at time.Time
}

func newServices() *services {
	return &services{turn: make(chan struct{}, 1), names: map[string][]string{}, seen: map[place]seenService{}}
}

// enter lets a service be asked for with the others of its cluster.
func (s *services) enter(at place) {
	s.turn <- struct{}{}
	defer func() { <-s.turn }()
	if !slices.Contains(s.names[at.Cluster], at.Service) {
		s.names[at.Cluster] = append(s.names[at.Cluster], at.Service)
	}
}

// service returns the service as ECS told it no longer ago than that, or tells
// it now.
func (c *Client) service(ctx context.Context, at place, young time.Duration) (types.Service, error) {
	const doing = "describe the service"
	select {
	case c.services.turn <- struct{}{}:
		defer func() { <-c.services.turn }()
	case <-ctx.Done():
		return types.Service{}, explain(doing, at, ctx.Err())
	}
	if seen := c.services.seen[at]; seen.Service == nil || time.Since(seen.at) >= young {
		if err := c.describeServices(ctx, at); err != nil {
			return types.Service{}, explain(doing, at, err)
		}
	}
	seen := c.services.seen[at]
	if seen.Service == nil {
		return types.Service{}, explain(doing, at, &types.ServiceNotFoundException{})
	}
	return *seen.Service, nil
}

// describeServices asks for a service, and for others of its cluster with it.
func (c *Client) describeServices(ctx context.Context, at place) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	all := c.services.names[at.Cluster]
	i := max(slices.Index(all, at.Service), 0) / servicesPerCall * servicesPerCall
	asked := all[i:min(i+servicesPerCall, len(all))]
	out, err := c.ecs.DescribeServices(ctx, &ecs.DescribeServicesInput{Cluster: &at.Cluster, Services: asked})
	if err != nil {
		return err
	}
	now := time.Now()
	for _, name := range asked {
		seen := seenService{at: now}
		for _, s := range out.Services {
			if isNamed(s, name) && aws.ToString(s.Status) != "INACTIVE" {
				s.Events = telling(s.Events)
				seen.Service = &s
			}
		}
		c.services.seen[place{Cluster: at.Cluster, Service: name}] = seen
	}
	return nil
}

// telling are the newest event of a service, and those that say that it stopped
// tasks to balance zones, which nothing else tells.
func telling(events []types.ServiceEvent) (told []types.ServiceEvent) {
	for i, e := range events {
		if i == 0 || len(rebalancedBy(e)) > 0 {
			told = append(told, e)
		}
	}
	return told
}

// isNamed reports whether a fleet file means that service, by its name or ARN.
func isNamed(s types.Service, name string) bool {
	return name == aws.ToString(s.ServiceArn) || id(name) == aws.ToString(s.ServiceName)
}

// mark changes whenever a task of the service starts, runs or ends, or is to:
// one call tells so of any number of tasks.
func mark(s types.Service) string {
	var b strings.Builder
	fmt.Fprint(&b, s.DesiredCount, s.RunningCount, s.PendingCount)
	for _, d := range s.Deployments {
		fmt.Fprint(&b, " ", aws.ToString(d.Id), aws.ToString(d.Status), d.DesiredCount, " ", d.RunningCount, " ", d.PendingCount, " ", d.FailedTasks)
	}
	for _, d := range s.TaskSets {
		fmt.Fprint(&b, " ", aws.ToString(d.Id), aws.ToString(d.Status), d.ComputedDesiredCount, " ", d.RunningCount, " ", d.PendingCount)
	}
	if len(s.Events) > 0 {
		fmt.Fprint(&b, " ", aws.ToString(s.Events[0].Id))
	}
	return b.String()
}
