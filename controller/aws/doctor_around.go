package aws

import (
	"context"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller/doctor"
)

// What stands around the service, its load balancers and machines, is asked by
// hand. Nobody but an examination looks at it.

const (
	// maxAround bounds an answer, in bytes; that of a group of a thousand machines
	// has some 800,000.
	maxAround = 8 << 20
	// groupsAsked bounds the target groups that are looked at; ECS takes five.
	groupsAsked = 10
)

// elb is a form for Elastic Load Balancing.
func elb(action, name, value string) request {
	return byForm(amazon.LoadBalancing, url.Values{"Action": {action}, "Version": {"2015-12-01"}, name: {value}}, maxAround)
}

// targets asks for the target groups of the service, and what sends to them.
func (e *exam) targets(ctx context.Context, s types.Service) {
	var groups []string
	for _, b := range s.LoadBalancers {
		groups = append(groups, aws.ToString(b.TargetGroupArn))
		if a := b.AdvancedConfiguration; a != nil { // that of the other colour
			groups = append(groups, aws.ToString(a.AlternateTargetGroupArn))
		}
	}
	slices.Sort(groups)
	groups = slices.DeleteFunc(slices.Compact(groups), func(arn string) bool { return arn == "" })
	for _, arn := range groups[:min(len(groups), groupsAsked)] {
		e.group(ctx, arn)
	}
}

// targetGroups are what Elastic Load Balancing answers.
type targetGroups struct {
	Found []struct {
		ARN       string   `xml:"TargetGroupArn"`
		Name      string   `xml:"TargetGroupName"`
		Protocol  string   `xml:"Protocol"`
		On        string   `xml:"HealthCheckProtocol"`
		Port      string   `xml:"HealthCheckPort"`
		Path      string   `xml:"HealthCheckPath"`
		Balancers []string `xml:"LoadBalancerArns>member"`
	} `xml:"DescribeTargetGroupsResult>TargetGroups>member"`
}

func (e *exam) group(ctx context.Context, arn string) {
	var said targetGroups
	e.try(ctx, trial{right: "elasticloadbalancing:DescribeTargetGroups", doing: "describe target group " + arn, at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		if err := e.ask(ctx, elb("DescribeTargetGroups", "TargetGroupArns.member.1", arn), &said); err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.LoadBalancing, OperationName: "DescribeTargetGroups", Err: err}
		}
		return m, nil
	})
	if len(said.Found) == 0 {
		return
	}
	g := said.Found[0]
	found := doctor.Targets{Name: g.Name, Protocol: g.Protocol, Health: doctor.Health{Protocol: g.On, Port: g.Port, Path: g.Path}, Balancers: len(g.Balancers)}
	e.try(ctx, trial{right: "elasticloadbalancing:DescribeTargetGroupAttributes", doing: "read the settings of target group " + g.Name, at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		var told settings
		if err := e.ask(ctx, elb("DescribeTargetGroupAttributes", "TargetGroupArn", arn), &told); err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.LoadBalancing, OperationName: "DescribeTargetGroupAttributes", Err: err}
		}
		found.Attributes = told.byKey()
		return m, nil
	})
	if len(g.Balancers) > 0 { // a group is of one
		e.balancer(ctx, g.Balancers[0], arn, &found)
	}
	e.facts.Targets = append(e.facts.Targets, found)
}

// settings are those of a target group, a load balancer or a listener.
type settings struct {
	Group    []setting `xml:"DescribeTargetGroupAttributesResult>Attributes>member"`
	Balancer []setting `xml:"DescribeLoadBalancerAttributesResult>Attributes>member"`
	Listener []setting `xml:"DescribeListenerAttributesResult>Attributes>member"`
}

type setting struct{ Key, Value string }

func (s settings) byKey() *map[string]string {
	of := map[string]string{}
	for _, one := range slices.Concat(s.Group, s.Balancer, s.Listener) {
		of[one.Key] = one.Value
	}
	return &of
}

// balancer asks what sends to a target group.
func (e *exam) balancer(ctx context.Context, arn, group string, found *doctor.Targets) {
	e.try(ctx, trial{right: "elasticloadbalancing:DescribeLoadBalancerAttributes", doing: "read the settings of load balancer " + arn, at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		var told settings
		if err := e.ask(ctx, elb("DescribeLoadBalancerAttributes", "LoadBalancerArn", arn), &told); err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.LoadBalancing, OperationName: "DescribeLoadBalancerAttributes", Err: err}
		}
		found.CrossZone = aws.String((*told.byKey())[doctor.AttributeCrossZone])
		return m, nil
	})
	var said struct {
		Found []struct {
			ARN     string   `xml:"ListenerArn"`
			Port    int      `xml:"Port"`
			Groups  []string `xml:"DefaultActions>member>TargetGroupArn"`
			Weighed []string `xml:"DefaultActions>member>ForwardConfig>TargetGroups>member>TargetGroupArn"`
		} `xml:"DescribeListenersResult>Listeners>member"`
	}
	if !e.try(ctx, trial{right: "elasticloadbalancing:DescribeListeners", doing: "describe the listeners of load balancer " + arn, at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		if err := e.ask(ctx, elb("DescribeListeners", "LoadBalancerArn", arn), &said); err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.LoadBalancing, OperationName: "DescribeListeners", Err: err}
		}
		return m, nil
	}) {
		return
	}
	found.Listeners = &[]doctor.Listener{}
	for _, l := range said.Found {
		if !slices.Contains(slices.Concat(l.Groups, l.Weighed), group) {
			continue
		}
		one := doctor.Listener{Port: l.Port}
		e.try(ctx, trial{right: "elasticloadbalancing:DescribeListenerAttributes", doing: "read the settings of the listener of port " + strconv.Itoa(l.Port), at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
			var told settings
			if err := e.ask(ctx, elb("DescribeListenerAttributes", "ListenerArn", l.ARN), &told); err != nil {
				return m, &smithy.OperationError{ServiceID: amazon.LoadBalancing, OperationName: "DescribeListenerAttributes", Err: err}
			}
			one.Idle = aws.String((*told.byKey())[doctor.AttributeIdle])
			return m, nil
		})
		*found.Listeners = append(*found.Listeners, one)
	}
}

// providers are what ECS answers about capacity providers.
type providers struct {
	Found []struct {
		Name  string `json:"name"`
		Group *struct {
			ARN         string `json:"autoScalingGroupArn"`
			Termination string `json:"managedTerminationProtection"`
		} `json:"autoScalingGroupProvider"` // nil where the machines are AWS's
	} `json:"capacityProviders"`
}

// scaling asks for the machines of the service's capacity providers.
func (e *exam) scaling(ctx context.Context, s types.Service) {
	var names []string
	for _, p := range s.CapacityProviderStrategy {
		if name := aws.ToString(p.CapacityProvider); !strings.HasPrefix(name, "FARGATE") {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return
	}
	var said providers
	e.try(ctx, trial{right: "ecs:DescribeCapacityProviders", doing: "describe capacity providers", at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		ask, err := byJSON("DescribeCapacityProviders", map[string]any{"capacityProviders": names}, maxAround)
		if err == nil {
			err = e.ask(ctx, ask, &said)
		}
		if err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.ECS, OperationName: "DescribeCapacityProviders", Err: err}
		}
		return m, nil
	})
	for _, p := range said.Found {
		if p.Group == nil {
			continue
		}
		found := doctor.Scaling{Provider: p.Name, Termination: p.Group.Termination}
		_, name, _ := strings.Cut(p.Group.ARN, ":autoScalingGroupName/")
		found.Group = e.machinesOf(ctx, name)
		e.facts.Scaling = append(e.facts.Scaling, found)
	}
}

// machinesOf asks for a group of machines.
func (e *exam) machinesOf(ctx context.Context, name string) (found *doctor.Group) {
	e.try(ctx, trial{right: "autoscaling:DescribeAutoScalingGroups", doing: "describe scaling group " + name, at: e.at}, func(ctx context.Context) (m middleware.Metadata, err error) {
		var said struct {
			Found []struct {
				New       bool `xml:"NewInstancesProtectedFromScaleIn"`
				Instances []struct {
					ID        string `xml:"InstanceId"`
					Protected bool   `xml:"ProtectedFromScaleIn"`
				} `xml:"Instances>member"`
			} `xml:"DescribeAutoScalingGroupsResult>AutoScalingGroups>member"`
		}
		form := url.Values{"Action": {"DescribeAutoScalingGroups"}, "Version": {"2011-01-01"}, "AutoScalingGroupNames.member.1": {name}}
		if err := e.ask(ctx, byForm(amazon.AutoScaling, form, maxAround), &said); err != nil {
			return m, &smithy.OperationError{ServiceID: amazon.AutoScaling, OperationName: "DescribeAutoScalingGroups", Err: err}
		}
		if len(said.Found) == 0 { // those that do not exist are missing from the answer
			return m, &smithy.GenericAPIError{Code: "ValidationError", Message: "AutoScalingGroup " + name + " not found"}
		}
		found = &doctor.Group{Name: name, New: said.Found[0].New, Machines: len(said.Found[0].Instances)}
		for _, i := range said.Found[0].Instances {
			if !i.Protected {
				found.Unprotected = append(found.Unprotected, i.ID)
			}
		}
		return m, nil
	})
	return found
}
