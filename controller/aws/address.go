package aws

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// address is where the control port of a task is reached: at the task's own
// network interface (awsvpc), else at a port of its host (bridge, host).
func address(d types.Task, port int, hosts map[string]string) (string, error) {
	if ip := interfaceAddress(d); ip != "" {
		return checked(ip, port)
	}
	hostPort, ok := hostPort(d, port)
	if !ok {
		return "", fmt.Errorf("find the address of the task: it has neither a network interface nor a host port for container port %d: map the control port in the task definition", port)
	}
	instance := aws.ToString(d.ContainerInstanceArn)
	host, ok := hosts[instance]
	if !ok {
		return "", fmt.Errorf("find the address of the task: container instance %s does not tell its own: set ECS_INSTANCE_ATTRIBUTES={%q:\"<its private IPv4 address>\"} in its user data",
			id(instance), PrivateAddressAttribute)
	}
	return checked(host, hostPort)
}

func checked(ip string, port int) (string, error) {
	if a, err := netip.ParseAddr(ip); err != nil || a.IsUnspecified() || port < 1 || port > 65535 {
		return "", fmt.Errorf("find the address of the task: %q port %d is none", ip, port)
	}
	return net.JoinHostPort(ip, strconv.Itoa(port)), nil
}

func interfaceAddress(d types.Task) string {
	for _, a := range d.Attachments {
		if aws.ToString(a.Type) != "ElasticNetworkInterface" || aws.ToString(a.Status) == "DELETED" {
			continue
		}
		for _, detail := range a.Details {
			if aws.ToString(detail.Name) == "privateIPv4Address" {
				return aws.ToString(detail.Value)
			}
		}
	}
	return ""
}

func hostPort(d types.Task, port int) (int, bool) {
	for _, c := range d.Containers {
		for _, b := range c.NetworkBindings {
			if int(aws.ToInt32(b.ContainerPort)) == port && b.Protocol != types.TransportProtocolUdp {
				return int(aws.ToInt32(b.HostPort)), true
			}
		}
	}
	return 0, false
}

// resolve returns the private addresses of the hosts of tasks that have no
// interface of their own. A host that cannot be asked is left out, and
// address says so for each of its tasks.
func (t *Tasks) resolve(ctx context.Context, described []types.Task) map[string]string {
	t.mu.Lock()
	cached := maps.Clone(t.hosts)
	t.mu.Unlock()
	hosts := map[string]string{}
	var unknown []string
	for _, d := range described {
		instance := aws.ToString(d.ContainerInstanceArn)
		if instance == "" || interfaceAddress(d) != "" || hosts[instance] != "" || slices.Contains(unknown, instance) {
			continue
		}
		if host, ok := cached[instance]; ok {
			hosts[instance] = host
			continue
		}
		unknown = append(unknown, instance)
	}
	// A failure leaves addresses out; address() tells the operator.
	_ = t.askHosts(ctx, unknown, hosts)
	t.mu.Lock()
	t.hosts = maps.Clone(hosts)
	t.mu.Unlock()
	return hosts
}

func (t *Tasks) askHosts(ctx context.Context, instances []string, hosts map[string]string) error {
	var failed error
	for batch := range slices.Chunk(instances, tasksPerCall) {
		failed = errors.Join(failed, t.askBatch(ctx, batch, hosts))
	}
	return failed
}

func (t *Tasks) askBatch(ctx context.Context, instances []string, hosts map[string]string) error {
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	out, err := t.client.ecs.DescribeContainerInstances(ctx, &ecs.DescribeContainerInstancesInput{
		Cluster: &t.o.Cluster, ContainerInstances: instances,
	})
	if err != nil {
		return explain("describe container instances", t.at(), err)
	}
	for _, c := range out.ContainerInstances {
		for _, a := range c.Attributes {
			if aws.ToString(a.Name) == PrivateAddressAttribute {
				hosts[aws.ToString(c.ContainerInstanceArn)] = aws.ToString(a.Value)
			}
		}
	}
	return nil
}
