package aws

import (
	"context"
	"maps"
	"slices"
	"strings"
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

	// addressesAgain is how long EC2 is not asked for addresses once it failed.
	addressesAgain = time.Minute
)

// host is what a container instance tells of itself.
type host struct {
	address string // private one; empty where neither it nor EC2 tells
	kind    string // instance type; empty where nobody knows
	id      string // by which EC2 knows it
	why     string // EC2 does not tell its address
}

// hosts are the container instances that are known, by ARN. An instance that
// was told of is asked again for nothing but an address that it lacks.
type hosts struct {
	known    map[string]host
	deniedAt time.Time // when instance types were denied last
	told     bool      // that they were
	failed   time.Time // when EC2 was asked in vain last
}

// resolve returns what is known of the hosts of tasks: the private addresses
// without which tasks that have no interface of their own cannot be reached, as
// an attribute or EC2 tells them, and the instance types. An address that cannot be asked for is left out, and
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
	if now.Sub(was.failed) >= addressesAgain && !t.askEC2(ctx, wanted, known) && ctx.Err() == nil {
		was.failed = now
	}
	t.mu.Lock()
	t.hosts = hosts{known: maps.Clone(known), deniedAt: was.deniedAt, told: was.told, failed: was.failed}
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
		arn := aws.ToString(c.ContainerInstanceArn)
		known[arn] = host{
			address: attribute(c, PrivateAddressAttribute), kind: attribute(c, instanceTypeAttribute),
			id: aws.ToString(c.Ec2InstanceId), why: known[arn].why,
		}
	}
	return err
}

// askEC2 adds the addresses of instances that do not tell their own, and reports
// whether nothing failed. Machines that are not EC2's have none there.
func (t *Tasks) askEC2(ctx context.Context, wanted map[string]bool, known map[string]host) (fine bool) {
	arns := map[string]string{} // by EC2's name
	for arn, lost := range wanted {
		if h := known[arn]; lost && h.address == "" && strings.HasPrefix(h.id, "i-") {
			arns[h.id] = arn
		}
	}
	ids := slices.Sorted(maps.Keys(arns))
	fine = true
	for batch := range slices.Chunk(ids[:min(len(ids), hostCalls*tasksPerCall)], tasksPerCall) {
		addresses, err := t.client.privateAddresses(ctx, batch)
		fine = fine && err == nil
		for _, id := range batch {
			h := known[arns[id]]
			h.address, h.why = addresses[id], ""
			if err != nil {
				h.why = explain("asking EC2 fails", place{Instance: id}, err).Error()
			}
			known[arns[id]] = h
		}
		if err != nil {
			return false // the others would fare no better
		}
	}
	return fine
}

func attribute(c types.ContainerInstance, name string) string {
	for _, a := range c.Attributes {
		if aws.ToString(a.Name) == name {
			return aws.ToString(a.Value)
		}
	}
	return ""
}
