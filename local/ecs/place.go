package ecs

import (
	"cmp"
	"context"
	"runtime"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// Every zone has one subnet and one container instance, named after it.
const (
	subnetPrefix = "subnet-"
	instanceType = "m7i.large" // of every instance
	firstZone    = 'a'
	mostZones    = 6
)

// Zones names the first n availability zones of a region.
func Zones(region string, n int) (zones []string) {
	for i := range min(n, mostZones) {
		zones = append(zones, region+string(rune(firstZone+i)))
	}
	return zones
}

// allowed are the zones in which an order's tasks may be placed: those of its
// subnets, as they are named; a subnet of another name lies in the first one.
func (s *Server) allowed(o order) []string {
	if o.definition.NetworkMode != types.NetworkModeAwsvpc || o.network == nil || o.network.AwsvpcConfiguration == nil {
		return s.config.Zones
	}
	var zones []string
	for _, subnet := range o.network.AwsvpcConfiguration.Subnets {
		zone := s.config.Zones[0]
		if i := slices.IndexFunc(s.config.Zones, func(z string) bool { return subnetPrefix+z == subnet }); i >= 0 {
			zone = s.config.Zones[i]
		}
		if !slices.Contains(zones, zone) {
			zones = append(zones, zone)
		}
	}
	if len(zones) == 0 {
		return s.config.Zones
	}
	return zones
}

// standing is how many tasks of a group are to run, by zone and by capacity
// provider.
type standing struct{ zones, providers map[string]int }

// standingOf counts those of an order's group. mu is held.
func (s *Server) standingOf(o order) standing {
	n := standing{zones: map[string]int{}, providers: map[string]int{}}
	for _, t := range s.tasks {
		if clusterOf(t) == o.cluster && aws.ToString(t.Group) == o.group && *t.DesiredStatus == string(running) {
			n.zones[aws.ToString(t.AvailabilityZone)]++
			n.providers[aws.ToString(t.CapacityProviderName)]++
		}
	}
	return n
}

// next places one more task: where the fewest are, as ECS spreads them, and
// with the provider that lacks most of its share.
func (n standing) next(zones []string, strategy []types.CapacityProviderStrategyItem) (zone string, provider *string) {
	zone = slices.MinFunc(zones, func(a, b string) int { return cmp.Compare(n.zones[a], n.zones[b]) })
	n.zones[zone]++
	if len(strategy) == 0 {
		return zone, nil
	}
	item := slices.MinFunc(strategy, func(a, b types.CapacityProviderStrategyItem) int { return cmp.Compare(n.load(a), n.load(b)) })
	n.providers[*item.CapacityProvider]++
	return zone, item.CapacityProvider
}

// load is how much of its share a provider has: nothing below its base.
func (n standing) load(item types.CapacityProviderStrategyItem) float64 {
	has := n.providers[*item.CapacityProvider]
	if has < int(item.Base) {
		return -1
	}
	return float64(has-int(item.Base)+1) / max(float64(item.Weight), 1e-9)
}

// checkStrategy says whether a cluster can run tasks with those providers.
func (s *Server) checkStrategy(cluster string, strategy []types.CapacityProviderStrategyItem, launchType types.LaunchType) error {
	if len(strategy) > 0 && launchType != "" {
		return invalid("Specifying both a launch type and capacity provider strategy is not supported. Remove one and try again.")
	}
	for _, item := range strategy {
		if name := aws.ToString(item.CapacityProvider); !slices.Contains(s.clusters[cluster].CapacityProviders, name) {
			return invalid("The specified capacity provider '%s' was not found. Specify a valid name or ARN and try again.", name)
		}
	}
	return nil
}

// launchTypeOf is what runs the tasks of a provider.
func launchTypeOf(provider *string, otherwise types.LaunchType) types.LaunchType {
	switch {
	case provider == nil && otherwise != "":
		return otherwise
	case provider != nil && (*provider == "FARGATE" || *provider == "FARGATE_SPOT"):
		return types.LaunchTypeFargate
	}
	return types.LaunchTypeEc2
}

func (s *Server) instanceArn(cluster, zone string) string {
	return s.arn("container-instance/" + cluster + "/" + zone)
}

func (s *Server) listContainerInstances(_ context.Context, in *ecs.ListContainerInstancesInput) (*ecs.ListContainerInstancesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.ListContainerInstancesOutput{ContainerInstanceArns: []string{}}
	for _, zone := range s.config.Zones {
		out.ContainerInstanceArns = append(out.ContainerInstanceArns, s.instanceArn(cluster, zone))
	}
	return out, nil
}

// describeContainerInstances shows this machine, once in every zone.
func (s *Server) describeContainerInstances(_ context.Context, in *ecs.DescribeContainerInstancesInput) (*ecs.DescribeContainerInstancesOutput, error) {
	if n := len(in.ContainerInstances); n == 0 || n > describeInstancesLimit {
		return nil, invalid("Container instances must have 1 to %d members, not %d.", describeInstancesLimit, n)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeContainerInstancesOutput{ContainerInstances: []types.ContainerInstance{}, Failures: []types.Failure{}}
	for _, name := range in.ContainerInstances {
		if !slices.Contains(s.config.Zones, shortName(name)) {
			out.Failures = append(out.Failures, missing(name))
			continue
		}
		out.ContainerInstances = append(out.ContainerInstances, s.instance(cluster, shortName(name)))
	}
	return out, nil
}

// instance is this machine as the container instance of a zone, with the
// attributes that ECS's agent gives it. Its private address is told by an
// attribute, too, unless hosts are silent: then EC2 tells it alone.
func (s *Server) instance(cluster, zone string) types.ContainerInstance {
	c := types.ContainerInstance{
		ContainerInstanceArn: aws.String(s.instanceArn(cluster, zone)), Ec2InstanceId: aws.String(instanceID(zone)),
		AgentConnected: true, Status: aws.String("ACTIVE"),
	}
	for _, t := range s.tasks {
		if aws.ToString(t.ContainerInstanceArn) != *c.ContainerInstanceArn {
			continue
		}
		switch status(t) {
		case running:
			c.RunningTasksCount++
		case pending:
			c.PendingTasksCount++
		case stopping, stopped:
		}
	}
	for _, a := range [][2]string{
		{"ecs.ami-id", "ami-local"},
		{"ecs.availability-zone", zone},
		{"ecs.cpu-architecture", architecture()},
		{"ecs.instance-type", instanceType},
		{"ecs.os-type", "linux"},
		{"ecs.subnet-id", subnetPrefix + zone},
		{"ecs.vpc-id", "vpc-local"},
		{PrivateAddressAttribute, hostAddress},
	} {
		if s.config.SilentHosts && a[0] == PrivateAddressAttribute {
			continue
		}
		c.Attributes = append(c.Attributes, types.Attribute{Name: aws.String(a[0]), Value: aws.String(a[1])})
	}
	return c
}

// PrivateAddressAttribute of a container instance is its private address.
const PrivateAddressAttribute = "sluice.private-ipv4"

// architecture is the processor's, as ECS calls it.
func architecture() string {
	if runtime.GOARCH == "amd64" {
		return "x86_64"
	}
	return runtime.GOARCH
}
