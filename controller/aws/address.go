package aws

import (
	"cmp"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

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
		return "", fmt.Errorf("find the address of the task: container instance %s does not tell its own%s: allow ec2:DescribeInstances, or set ECS_INSTANCE_ATTRIBUTES={%q:\"<its private address>\"} in its user data",
			id(instance), because(on), PrivateAddressAttribute)
	}
	return checked(on.address, hostPort)
}

// because is why EC2 does not tell where a host is.
func because(h host) string {
	switch {
	case h.why != "":
		return ", and " + h.why
	case strings.HasPrefix(h.id, "i-"):
		return ", nor does EC2"
	}
	return "" // it is none of EC2's, or has gone
}

func checked(ip string, port int) (string, error) {
	if a, err := netip.ParseAddr(ip); err != nil || a.IsUnspecified() || a.Zone() != "" || port < 1 || port > 65535 {
		return "", fmt.Errorf("find the address of the task: %q port %d is none", ip, port)
	}
	return net.JoinHostPort(ip, strconv.Itoa(port)), nil
}

// interfaceAddress is the address of a task's own network interface: IPv4 where
// it has one, else IPv6, be it told with the attachment or with a container.
func interfaceAddress(d types.Task) string {
	var v4, v6 string
	for _, a := range d.Attachments {
		if aws.ToString(a.Type) != "ElasticNetworkInterface" || aws.ToString(a.Status) == "DELETED" {
			continue
		}
		for _, detail := range a.Details {
			switch strings.ToLower(aws.ToString(detail.Name)) {
			case "privateipv4address":
				v4 = cmp.Or(v4, aws.ToString(detail.Value))
			case "privateipv6address", "ipv6address":
				v6 = cmp.Or(v6, aws.ToString(detail.Value))
			}
		}
	}
	for _, c := range d.Containers {
		for _, i := range c.NetworkInterfaces {
			v4, v6 = cmp.Or(v4, aws.ToString(i.PrivateIpv4Address)), cmp.Or(v6, aws.ToString(i.Ipv6Address))
		}
	}
	return cmp.Or(v4, v6)
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
