package aws

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// address is where the control port of a task is reached: at the task's own
// network interface (awsvpc), else at a port of its host (bridge, host).
func address(d types.Task, port int, known map[string]host) (string, error) {
	if ip := interfaceAddress(d); ip != "" {
		return checked(ip, port)
	}
	hostPort, ok := hostPort(d, port)
	if !ok {
		return "", fmt.Errorf("find the address of the task: it has neither a network interface nor a host port for container port %d: map the control port in the task definition", port)
	}
	instance := aws.ToString(d.ContainerInstanceArn)
	on := known[instance]
	if on.address == "" {
		return "", fmt.Errorf("find the address of the task: container instance %s does not tell its own: set ECS_INSTANCE_ATTRIBUTES={%q:\"<its private IPv4 address>\"} in its user data",
			id(instance), PrivateAddressAttribute)
	}
	return checked(on.address, hostPort)
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
