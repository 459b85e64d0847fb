package ecs

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

func (s *Server) createCluster(_ context.Context, in *ecs.CreateClusterInput) (*ecs.CreateClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.ClusterName)
	if name == "" {
		name = "default"
	}
	c, ok := s.clusters[name]
	if !ok || *c.Status == inactive {
		c = &types.Cluster{
			ClusterName: aws.String(name), ClusterArn: aws.String(s.arn("cluster/" + name)),
			Status: aws.String("ACTIVE"), Settings: in.Settings, Tags: in.Tags, Configuration: in.Configuration,
			CapacityProviders: in.CapacityProviders, DefaultCapacityProviderStrategy: in.DefaultCapacityProviderStrategy,
		}
		if err := s.store.saveCluster(c); err != nil {
			return nil, err
		}
		s.clusters[name] = c
	}
	return &ecs.CreateClusterOutput{Cluster: s.counted(c)}, nil
}

// counted is a cluster with its numbers of now.
func (s *Server) counted(c *types.Cluster) *types.Cluster {
	seen := *c
	for _, t := range s.tasks {
		if *t.ClusterArn != *c.ClusterArn {
			continue
		}
		switch status(t) {
		case running:
			seen.RunningTasksCount++
		case pending:
			seen.PendingTasksCount++
		case stopping, stopped:
		}
	}
	for _, v := range s.services {
		if *v.ClusterArn == *c.ClusterArn && *v.Status == active {
			seen.ActiveServicesCount++
		}
	}
	seen.RegisteredContainerInstancesCount = int32(len(s.config.Zones))
	return &seen
}

func (s *Server) describeClusters(_ context.Context, in *ecs.DescribeClustersInput) (*ecs.DescribeClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := in.Clusters
	if len(names) == 0 {
		names = []string{"default"}
	}
	out := &ecs.DescribeClustersOutput{Clusters: []types.Cluster{}, Failures: []types.Failure{}}
	for _, name := range names {
		if c, ok := s.clusters[shortName(name)]; ok {
			out.Clusters = append(out.Clusters, *s.counted(c))
		} else {
			out.Failures = append(out.Failures, missing(name))
		}
	}
	return out, nil
}

// deleteCluster refuses as AWS does while anything is in it; the machine's own
// container instances do not count. Who looks it up is told that it is inactive.
func (s *Server) deleteCluster(_ context.Context, in *ecs.DeleteClusterInput) (*ecs.DeleteClusterOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name, err := s.clusterName(in.Cluster)
	if err != nil {
		return nil, err
	}
	gone := *s.clusters[name]
	switch n := s.counted(&gone); {
	case n.ActiveServicesCount > 0:
		return nil, &types.ClusterContainsServicesException{Message: aws.String("The Cluster cannot be deleted while Services are active.")}
	case n.RunningTasksCount+n.PendingTasksCount > 0:
		return nil, &types.ClusterContainsTasksException{Message: aws.String("The Cluster cannot be deleted while Tasks are active.")}
	}
	gone.Status = aws.String(inactive)
	if err := s.store.saveCluster(&gone); err != nil {
		return nil, err
	}
	s.clusters[name] = &gone
	return &ecs.DeleteClusterOutput{Cluster: &gone}, nil
}

func missing(arn string) types.Failure {
	return types.Failure{Arn: aws.String(arn), Reason: aws.String("MISSING")}
}

func (s *Server) listClusters(_ context.Context, in *ecs.ListClustersInput) (*ecs.ListClustersOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var arns []string
	for _, c := range s.clusters {
		if *c.Status != inactive {
			arns = append(arns, *c.ClusterArn)
		}
	}
	arns, next, err := page(arns, in.NextToken, in.MaxResults)
	return &ecs.ListClustersOutput{ClusterArns: arns, NextToken: next}, err
}

func (s *Server) registerTaskDefinition(_ context.Context, in *ecs.RegisterTaskDefinitionInput) (*ecs.RegisterTaskDefinitionOutput, error) {
	if err := checkDefinition(in); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	mode := in.NetworkMode
	if mode == "" {
		mode = types.NetworkModeBridge
	}
	d := &definition{tags: in.Tags, TaskDefinition: types.TaskDefinition{
		Family: in.Family, Revision: s.newest(*in.Family) + 1, Status: types.TaskDefinitionStatusActive,
		ContainerDefinitions: in.ContainerDefinitions, NetworkMode: mode, Volumes: in.Volumes,
		Cpu: in.Cpu, Memory: in.Memory, TaskRoleArn: in.TaskRoleArn, ExecutionRoleArn: in.ExecutionRoleArn,
		RequiresCompatibilities: in.RequiresCompatibilities, RuntimePlatform: in.RuntimePlatform,
		PlacementConstraints: in.PlacementConstraints, EphemeralStorage: in.EphemeralStorage,
		IpcMode: in.IpcMode, PidMode: in.PidMode, RegisteredAt: aws.Time(time.Now()),
		Compatibilities: []types.Compatibility{types.CompatibilityEc2},
	}}
	d.TaskDefinitionArn = aws.String(s.arn("task-definition/" + nameOfDefinition(d)))
	if err := s.store.saveDefinition(d); err != nil {
		return nil, err
	}
	s.definitions[nameOfDefinition(d)] = d
	return &ecs.RegisterTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition, Tags: d.tags}, nil
}

func checkDefinition(in *ecs.RegisterTaskDefinitionInput) error {
	if aws.ToString(in.Family) == "" || strings.ContainsAny(*in.Family, ":/") {
		return clientError("Family should not be empty, and consist of letters, digits, - and _.")
	}
	if len(in.ContainerDefinitions) != 1 {
		return clientError("This machine runs one container per task; the definition has %d.", len(in.ContainerDefinitions))
	}
	c := in.ContainerDefinitions[0]
	if aws.ToString(c.Name) == "" {
		return clientError("Container.name should not be null or empty.")
	}
	if len(c.EntryPoint)+len(c.Command) == 0 {
		return clientError("Container %s has no command. This machine ignores the image and runs entryPoint and command as a local program: give the program's path.", *c.Name)
	}
	switch in.NetworkMode {
	case "", types.NetworkModeBridge, types.NetworkModeAwsvpc, types.NetworkModeHost:
		return nil
	case types.NetworkModeNone:
	}
	return clientError("This machine offers the network modes awsvpc, bridge and host, not %s.", in.NetworkMode)
}

func (s *Server) describeTaskDefinition(_ context.Context, in *ecs.DescribeTaskDefinitionInput) (*ecs.DescribeTaskDefinitionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d, err := s.findDefinition(aws.ToString(in.TaskDefinition))
	if err != nil {
		return nil, err
	}
	out := &ecs.DescribeTaskDefinitionOutput{TaskDefinition: &d.TaskDefinition}
	if slices.Contains(in.Include, types.TaskDefinitionFieldTags) {
		out.Tags = d.tags
	}
	return out, nil
}

// deregisterTaskDefinition lets nothing new start from a definition. Services and
// tasks that have it go on.
func (s *Server) deregisterTaskDefinition(_ context.Context, in *ecs.DeregisterTaskDefinitionInput) (*ecs.DeregisterTaskDefinitionOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	name := aws.ToString(in.TaskDefinition)
	if !strings.Contains(shortName(name), ":") {
		return nil, clientError("The task definition must be given with its revision: %s:1, say.", name)
	}
	d, err := s.findDefinition(name)
	if err != nil {
		return nil, err
	}
	n := *d
	n.Status, n.DeregisteredAt = types.TaskDefinitionStatusInactive, aws.Time(time.Now())
	if err := s.store.saveDefinition(&n); err != nil {
		return nil, err
	}
	s.definitions[nameOfDefinition(&n)] = &n
	return &ecs.DeregisterTaskDefinitionOutput{TaskDefinition: &n.TaskDefinition}, nil
}

// listTaskDefinitionFamilies lists a family as active while any of its
// definitions is, unless it is asked for all or for the others.
func (s *Server) listTaskDefinitionFamilies(_ context.Context, in *ecs.ListTaskDefinitionFamiliesInput) (*ecs.ListTaskDefinitionFamiliesOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	actives := map[string]bool{}
	for _, d := range s.definitions {
		actives[*d.Family] = actives[*d.Family] || d.Status == types.TaskDefinitionStatusActive
	}
	families := []string{}
	for family, is := range actives {
		wanted := in.Status == types.TaskDefinitionFamilyStatusAll || is == (in.Status != types.TaskDefinitionFamilyStatusInactive)
		if wanted && strings.HasPrefix(family, aws.ToString(in.FamilyPrefix)) {
			families = append(families, family)
		}
	}
	families, next, err := page(families, in.NextToken, in.MaxResults)
	return &ecs.ListTaskDefinitionFamiliesOutput{Families: families, NextToken: next}, err
}

func (s *Server) listTaskDefinitions(_ context.Context, in *ecs.ListTaskDefinitionsInput) (*ecs.ListTaskDefinitionsOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	arns := []string{}
	for _, d := range s.definitionsInOrder(aws.ToString(in.FamilyPrefix)) {
		if d.Status != cmp.Or(in.Status, types.TaskDefinitionStatusActive) {
			continue
		}
		arns = append(arns, *d.TaskDefinitionArn)
	}
	if in.Sort == types.SortOrderDesc {
		slices.Reverse(arns)
	}
	at := 0
	if token := aws.ToString(in.NextToken); token != "" {
		at = slices.Index(arns, token) + 1
	}
	size := int(aws.ToInt32(in.MaxResults))
	if size <= 0 || size > listLimit {
		size = listLimit
	}
	end := min(at+size, len(arns))
	out := &ecs.ListTaskDefinitionsOutput{TaskDefinitionArns: arns[at:end]}
	if end < len(arns) {
		out.NextToken = aws.String(arns[end-1])
	}
	return out, nil
}

// definitionsInOrder are those of a family, or all, by family and number.
func (s *Server) definitionsInOrder(family string) []*definition {
	return slices.SortedFunc(func(yield func(*definition) bool) {
		for d := range maps.Values(s.definitions) {
			if (family == "" || *d.Family == family) && !yield(d) {
				return
			}
		}
	}, func(a, b *definition) int {
		if c := strings.Compare(*a.Family, *b.Family); c != 0 {
			return c
		}
		return int(a.Revision - b.Revision)
	})
}
