package ecs

import (
	"context"
	"encoding/xml"
	"slices"
	"strings"
)

// machines are the capacity providers of all clusters that are no Fargate's.
func (s *Server) machines() (names []string) {
	for _, c := range s.clusters {
		for _, p := range c.CapacityProviders {
			if !strings.HasPrefix(p, "FARGATE") {
				names = append(names, p)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// scalingGroup is what Auto Scaling tells of one; it has the name of its
// provider.
type scalingGroup struct {
	Name      string            `xml:"AutoScalingGroupName"`
	ARN       string            `xml:"AutoScalingGroupARN"`
	Min       int               `xml:"MinSize"`
	Max       int               `xml:"MaxSize"`
	Desired   int               `xml:"DesiredCapacity"`
	Protected bool              `xml:"NewInstancesProtectedFromScaleIn"`
	Instances []scalingInstance `xml:"Instances>member"`
}

type scalingInstance struct {
	ID        string `xml:"InstanceId"`
	Zone      string `xml:"AvailabilityZone"`
	State     string `xml:"LifecycleState"`
	Health    string `xml:"HealthStatus"`
	Protected bool   `xml:"ProtectedFromScaleIn"`
}

// scalingGroups tells of those that are asked for, or of all. What does not exist
// is missing.
func (s *Server) scalingGroups(names []string) any {
	var found []scalingGroup
	for _, name := range s.machines() {
		if len(names) > 0 && !slices.Contains(names, name) {
			continue
		}
		g := scalingGroup{Name: name, ARN: s.scalingGroupArn(name), Max: len(s.config.Zones), Desired: len(s.config.Zones), Protected: true}
		for _, zone := range s.config.Zones {
			g.Instances = append(g.Instances, scalingInstance{instanceID(zone), zone, "InService", "Healthy", true})
		}
		found = append(found, g)
	}
	return struct {
		XMLName xml.Name       `xml:"DescribeAutoScalingGroupsResult"`
		Groups  []scalingGroup `xml:"AutoScalingGroups>member"`
	}{Groups: found}
}

func (s *Server) scalingGroupArn(name string) string {
	return "arn:aws:autoscaling:" + s.config.Region + ":" + s.config.Account + ":autoScalingGroup:00000000-0000-0000-0000-000000000000:autoScalingGroupName/" + name
}

// capacityProviders are those that are asked for, by name or ARN, or all.
type capacityProviders struct {
	Names []string `json:"capacityProviders"`
}

// providers is the answer.
type providers struct {
	Found    []provider `json:"capacityProviders"`
	Failures []failure  `json:"failures"`
}

type provider struct {
	ARN    string         `json:"capacityProviderArn"`
	Name   string         `json:"name"`
	Status string         `json:"status"`
	Type   string         `json:"type"`
	Group  *providerGroup `json:"autoScalingGroupProvider,omitempty"`
}

type providerGroup struct {
	ARN       string         `json:"autoScalingGroupArn"`
	Scaling   managedScaling `json:"managedScaling"`
	Protected string         `json:"managedTerminationProtection"`
	Draining  string         `json:"managedDraining"`
}

type managedScaling struct {
	Status string `json:"status"`
	Target int    `json:"targetCapacity"`
}

type failure struct {
	ARN    string `json:"arn"`
	Reason string `json:"reason"`
}

func (s *Server) describeCapacityProviders(_ context.Context, in *capacityProviders) (providers, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	all := append(s.machines(), "FARGATE", "FARGATE_SPOT")
	if len(in.Names) == 0 {
		in.Names = all
	}
	out := providers{Found: []provider{}, Failures: []failure{}}
	for _, name := range in.Names {
		name = shortName(name)
		arn := s.arn("capacity-provider/" + name)
		switch {
		case !slices.Contains(all, name):
			out.Failures = append(out.Failures, failure{arn, "MISSING"})
		case strings.HasPrefix(name, "FARGATE"):
			out.Found = append(out.Found, provider{arn, name, active, name, nil})
		default:
			group := &providerGroup{s.scalingGroupArn(name), managedScaling{"ENABLED", 100}, "ENABLED", "ENABLED"}
			out.Found = append(out.Found, provider{arn, name, active, "EC2_AUTOSCALING", group})
		}
	}
	return out, nil
}
