package local_test

import (
	"slices"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/local"
)

// A definition that is deregistered starts nothing new, and what has it goes on;
// its family is inactive once all of it is.
func TestDeregisterTaskDefinition(t *testing.T) {
	dir := t.TempDir()
	s := start(t, local.Config{Dir: dir})
	c := newCluster(t, connect(t, s.URL(), "testtest"))
	first, second := c.define(types.NetworkModeAwsvpc), c.define(types.NetworkModeAwsvpc)
	c.serve(second, 1)
	c.steady(1)
	families := func(status types.TaskDefinitionFamilyStatus) []string {
		t.Helper()
		out, err := c.ListTaskDefinitionFamilies(t.Context(), &ecs.ListTaskDefinitionFamiliesInput{Status: status, FamilyPrefix: aws.String("fil")})
		if err != nil {
			t.Fatal(err)
		}
		return out.Families
	}
	deregister := func(arn *string) error {
		_, err := c.DeregisterTaskDefinition(t.Context(), &ecs.DeregisterTaskDefinitionInput{TaskDefinition: arn})
		return err
	}
	if err := deregister(aws.String("filter")); codeOf(err) != "ClientException" {
		t.Errorf("without a revision: %v", err)
	}
	if err := deregister(second); err != nil {
		t.Fatal(err)
	}
	newest, err := c.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: aws.String("filter")})
	if err != nil || *newest.TaskDefinition.TaskDefinitionArn != *first {
		t.Errorf("the newest that is active: %+v, %v", newest, err)
	}
	gone, err := c.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: second})
	if err != nil || gone.TaskDefinition.Status != types.TaskDefinitionStatusInactive || gone.TaskDefinition.DeregisteredAt == nil {
		t.Errorf("the one that is not: %+v, %v", gone, err)
	}
	if _, err := c.RunTask(t.Context(), &ecs.RunTaskInput{Cluster: c.name, TaskDefinition: second}); codeOf(err) != "ClientException" {
		t.Errorf("a task of it: %v", err)
	}
	task := c.tasks(types.DesiredStatusRunning)[0]
	if _, err := c.StopTask(t.Context(), &ecs.StopTaskInput{Cluster: c.name, Task: task.TaskArn}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the service replaces its task all the same", func() bool {
		now := c.tasks(types.DesiredStatusRunning)
		return len(now) == 1 && *now[0].TaskArn != *task.TaskArn
	})
	for status, want := range map[types.TaskDefinitionStatus]string{types.TaskDefinitionStatusActive: *first, types.TaskDefinitionStatusInactive: *second} {
		out, err := c.ListTaskDefinitions(t.Context(), &ecs.ListTaskDefinitionsInput{Status: status})
		if err != nil || !slices.Equal(out.TaskDefinitionArns, []string{want}) {
			t.Errorf("%s: %v, %v", status, out.TaskDefinitionArns, err)
		}
	}
	if !slices.Equal(families(""), []string{"filter"}) || len(families(types.TaskDefinitionFamilyStatusInactive)) != 0 {
		t.Errorf("families: %v, and not active %v", families(""), families(types.TaskDefinitionFamilyStatusInactive))
	}
	if err := deregister(first); err != nil {
		t.Fatal(err)
	}
	if len(families("")) != 0 || !slices.Equal(families(types.TaskDefinitionFamilyStatusInactive), []string{"filter"}) || !slices.Equal(families(types.TaskDefinitionFamilyStatusAll), []string{"filter"}) {
		t.Errorf("families: %v, and not active %v", families(""), families(types.TaskDefinitionFamilyStatusInactive))
	}
	if third, err := c.DescribeTaskDefinition(t.Context(), &ecs.DescribeTaskDefinitionInput{TaskDefinition: c.define(types.NetworkModeAwsvpc)}); err != nil || third.TaskDefinition.Revision != 3 {
		t.Errorf("the next one: %+v, %v", third, err)
	}
}

// A cluster is deleted once nothing runs in it, for good, and may be made again.
func TestDeleteCluster(t *testing.T) {
	dir := t.TempDir()
	s, err := local.Start(t.Context(), local.Config{Dir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	c := newCluster(t, connect(t, s.URL(), "testtest"))
	c.serve(c.define(types.NetworkModeAwsvpc), 1)
	c.steady(1)
	remove := func() error {
		_, err := c.DeleteCluster(t.Context(), &ecs.DeleteClusterInput{Cluster: c.name})
		return err
	}
	if err := remove(); codeOf(err) != "ClusterContainsServicesException" {
		t.Errorf("with a service: %v", err)
	}
	if _, err := c.DeleteService(t.Context(), &ecs.DeleteServiceInput{Cluster: c.name, Service: aws.String("filter"), Force: aws.Bool(true)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "it is empty and deleted", func() bool { return remove() == nil })
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	c.Client = connect(t, start(t, local.Config{Dir: dir}).URL(), "testtest").ecs
	list, err := c.ListClusters(t.Context(), &ecs.ListClustersInput{})
	if err != nil || len(list.ClusterArns) != 0 {
		t.Errorf("listed: %v, %v", list.ClusterArns, err)
	}
	if err := remove(); codeOf(err) != "ClusterNotFoundException" {
		t.Errorf("deleted again: %v", err)
	}
	if newCluster(t, clients{ecs: c.Client}); remove() != nil {
		t.Errorf("made again, it cannot be deleted: %v", remove())
	}
}
