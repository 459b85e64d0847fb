package ecs

import (
	"encoding/xml"
	"net/url"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/smithy-go"
)

// What stands around services at AWS, the groups of targets that they name and
// the machines of their capacity providers, is told here as deploy/aws/fleet.yaml
// has it. Nothing of it can be created or changed: a target group is there once a
// service names it, and a provider once a cluster has it.

// QueryAnswer is the result of a call of the query protocol, and the namespace
// that the service speaks in.
type QueryAnswer struct {
	Namespace string
	Result    any
}

// Query answers the calls about what stands around services; known is false for
// other services.
func (s *Server) Query(service string, form url.Values) (answer QueryAnswer, known bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	action := form.Get("Action")
	switch service {
	case "elasticloadbalancing":
		answer.Namespace = "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/"
		answer.Result, err = s.balancing(action, form)
	case "autoscaling":
		answer.Namespace = "http://autoscaling.amazonaws.com/doc/2011-01-01/"
		if action != "DescribeAutoScalingGroups" {
			return answer, true, &smithy.GenericAPIError{Code: "InvalidAction", Message: "Could not find operation " + action + " on this machine; Auto Scaling serves DescribeAutoScalingGroups."}
		}
		answer.Result = s.scalingGroups(listed(form, "AutoScalingGroupNames"))
	default:
		return answer, false, nil
	}
	return answer, true, err
}

// listed are the values of a list in a form.
func listed(form url.Values, name string) (values []string) {
	for i := 1; form.Has(name + ".member." + strconv.Itoa(i)); i++ {
		values = append(values, form.Get(name+".member."+strconv.Itoa(i)))
	}
	return values
}

// targetGroup is what Elastic Load Balancing tells of one.
type targetGroup struct {
	ARN       string   `xml:"TargetGroupArn"`
	Name      string   `xml:"TargetGroupName"`
	Protocol  string   `xml:"Protocol"`
	Port      int      `xml:"Port"`
	VPC       string   `xml:"VpcId"`
	Health    string   `xml:"HealthCheckProtocol"`
	On        string   `xml:"HealthCheckPort"`
	Enabled   bool     `xml:"HealthCheckEnabled"`
	Every     int      `xml:"HealthCheckIntervalSeconds"`
	Within    int      `xml:"HealthCheckTimeoutSeconds"`
	Up        int      `xml:"HealthyThresholdCount"`
	Down      int      `xml:"UnhealthyThresholdCount"`
	Path      string   `xml:"HealthCheckPath"`
	Code      string   `xml:"Matcher>HttpCode"`
	Balancers []string `xml:"LoadBalancerArns>member"`
	Type      string   `xml:"TargetType"`
	Addresses string   `xml:"IpAddressType"`
}

// listener is what it tells of one.
type listener struct {
	ARN      string `xml:"ListenerArn"`
	Balancer string `xml:"LoadBalancerArn"`
	Port     int    `xml:"Port"`
	Protocol string `xml:"Protocol"`
	Actions  []struct {
		Type  string `xml:"Type"`
		Group string `xml:"TargetGroupArn"`
	} `xml:"DefaultActions>member"`
}

// attribute is a setting of a target group, a load balancer or a listener.
type attribute struct{ Key, Value string }

// balancing answers for Elastic Load Balancing. Each target group has a load
// balancer of its own, and that one listener.
func (s *Server) balancing(action string, form url.Values) (any, error) {
	find := func(arn, what, code string) (group string, err error) {
		for _, v := range s.services {
			for _, b := range v.LoadBalancers {
				if group = aws.ToString(b.TargetGroupArn); *v.Status != inactive && group != "" && beside(group, what) == arn {
					return group, nil
				}
			}
		}
		return "", &smithy.GenericAPIError{Code: code, Message: "One or more of what was asked for not found: " + arn}
	}
	switch action {
	case "DescribeTargetGroups":
		var found []targetGroup
		for _, arn := range listed(form, "TargetGroupArns") {
			group, err := find(arn, "targetgroup", "TargetGroupNotFound")
			if err != nil {
				return nil, err
			}
			found = append(found, targetGroup{
				ARN: group, Name: name(group), Protocol: "TCP", Port: 9090, VPC: "vpc-local", Type: "ip", Addresses: "ipv4", Balancers: []string{beside(group, "loadbalancer/net")},
				Health: "HTTP", On: "9092", Path: "/readyz", Code: "200", Enabled: true, Every: 10, Within: 5, Up: 2, Down: 2,
			})
		}
		return struct {
			XMLName xml.Name      `xml:"DescribeTargetGroupsResult"`
			Groups  []targetGroup `xml:"TargetGroups>member"`
		}{Groups: found}, nil
	case "DescribeTargetGroupAttributes":
		_, err := find(form.Get("TargetGroupArn"), "targetgroup", "TargetGroupNotFound")
		return attributes(action,
			attribute{"deregistration_delay.timeout_seconds", "30"}, attribute{"deregistration_delay.connection_termination.enabled", "false"},
			attribute{"target_health_state.unhealthy.connection_termination.enabled", "false"}, attribute{"proxy_protocol_v2.enabled", "false"},
			attribute{"load_balancing.cross_zone.enabled", "use_load_balancer_configuration"}), err
	case "DescribeLoadBalancerAttributes":
		_, err := find(form.Get("LoadBalancerArn"), "loadbalancer/net", "LoadBalancerNotFound")
		return attributes(action, attribute{"load_balancing.cross_zone.enabled", "true"}, attribute{"deletion_protection.enabled", "false"}), err
	case "DescribeListeners":
		group, err := find(form.Get("LoadBalancerArn"), "loadbalancer/net", "LoadBalancerNotFound")
		one := listener{ARN: beside(group, "listener/net"), Balancer: beside(group, "loadbalancer/net"), Port: 9090, Protocol: "TCP"}
		one.Actions = append(one.Actions, struct {
			Type  string `xml:"Type"`
			Group string `xml:"TargetGroupArn"`
		}{"forward", group})
		return struct {
			XMLName   xml.Name   `xml:"DescribeListenersResult"`
			Listeners []listener `xml:"Listeners>member"`
		}{Listeners: []listener{one}}, err
	case "DescribeListenerAttributes":
		_, err := find(form.Get("ListenerArn"), "listener/net", "ListenerNotFound")
		return attributes(action, attribute{"tcp.idle_timeout.seconds", "900"}), err
	}
	return nil, &smithy.GenericAPIError{Code: "InvalidAction", Message: "Could not find operation " + action + " on this machine; Elastic Load Balancing serves DescribeTargetGroups, DescribeTargetGroupAttributes, DescribeLoadBalancerAttributes, DescribeListeners and DescribeListenerAttributes."}
}

func attributes(action string, all ...attribute) any {
	return struct {
		XMLName    xml.Name
		Attributes []attribute `xml:"Attributes>member"`
	}{xml.Name{Local: action + "Result"}, all}
}

// beside is the ARN of what belongs to a target group; empty where that is none.
func beside(group, what string) string {
	before, rest, is := strings.Cut(group, ":targetgroup/")
	if !is {
		return ""
	}
	if what == "listener/net" { // it has one more part, its own
		rest += "/1"
	}
	return before + ":" + what + "/" + rest
}

// name is the first word of what an ARN names, after its kind.
func name(arn string) string {
	parts := strings.Split(arn, "/")
	return parts[min(1, len(parts)-1)]
}
