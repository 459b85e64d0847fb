package aws

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

const (
	// instanceTypeAttribute is what ECS's agent tells of every EC2 instance.
	instanceTypeAttribute = "ecs.instance-type"

	// hostCalls bounds the calls of one listing: the next one asks for more.
	hostCalls = 20

	// typesAgain is how long nobody is asked for instance types once they were
	// denied, or could not be told.
	typesAgain = 10 * time.Minute
)

// host is what a container instance tells of itself.
type host struct {
	address string // private IPv4; empty where it does not tell
	kind    string // instance type; empty where nobody knows
}

// hosts are the container instances that are known, by ARN. An instance that
// was told of is asked again for nothing but an address that it lacks.
type hosts struct {
	known    map[string]host
	deniedAt time.Time // when instance types were denied last
	told     bool      // that they were
}

// resolve returns what is known of the hosts of tasks: the private addresses
// without which tasks that have no interface of their own cannot be reached, and
// the instance types. An address that cannot be asked for is left out, and
// address says so for each of its tasks; a type is not known then.
func (t *Tasks) resolve(ctx context.Context, described []types.Task) map[string]host {
	t.mu.Lock()
	was := t.hosts
	t.mu.Unlock()
	now := time.Now()
	known, wanted := map[string]host{}, map[string]bool{} // true: for its address
	for _, d := range described {
		instance := aws.ToString(d.ContainerInstanceArn)
		if instance == "" {
			continue
		}
		h, met := was.known[instance]
		if met {
			known[instance] = h
		}
		lost := interfaceAddress(d) == "" && h.address == ""
		if lost || !met && now.Sub(was.deniedAt) >= typesAgain {
			wanted[instance] = wanted[instance] || lost
		}
	}
	err := t.askHosts(ctx, wanted, known)
	if err != nil && ctx.Err() == nil && heldBack(err) == nil {
		was.deniedAt = now
		if !was.told && t.o.Unknown != nil {
			t.o.Unknown(err)
		}
		was.told = true
	}
	t.mu.Lock()
	t.hosts = hosts{known: maps.Clone(known), deniedAt: was.deniedAt, told: was.told}
	t.mu.Unlock()
	return known
}

// askHosts adds what instances tell, those whose address is missing first.
func (t *Tasks) askHosts(ctx context.Context, wanted map[string]bool, known map[string]host) error {
	order := slices.Sorted(maps.Keys(wanted))
	slices.SortStableFunc(order, func(a, b string) int {
		switch {
		case wanted[a] == wanted[b]:
			return 0
		case wanted[a]:
			return -1
		}
		return 1
	})
	order = order[:min(len(order), hostCalls*tasksPerCall)]
	batches := slices.Collect(slices.Chunk(order, tasksPerCall))
	answers := make([][]types.ContainerInstance, len(batches))
	err := t.eachBatch(ctx, batches, func(ctx context.Context, i int) error {
		out, err := t.client.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
			Cluster: &t.o.Cluster, ContainerInstances: batches[i],
		})
		if err != nil {
			return explain("describe container instances", t.at(), err)
		}
		answers[i] = out.ContainerInstances
		for _, f := range out.Failures { // it has just gone: to be known by nothing is to be known
			answers[i] = append(answers[i], types.ContainerInstance{ContainerInstanceArn: f.Arn})
		}
		return nil
	})
	for _, c := range slices.Concat(answers...) {
		known[aws.ToString(c.ContainerInstanceArn)] = host{
			address: attribute(c, PrivateAddressAttribute), kind: attribute(c, instanceTypeAttribute),
		}
	}
	return err
}

func attribute(c types.ContainerInstance, name string) string {
	for _, a := range c.Attributes {
		if aws.ToString(a.Name) == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}
