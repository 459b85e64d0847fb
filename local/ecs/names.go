package ecs

import (
	"fmt"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/amazon"
)

func (s *Server) arn(resource string) string {
	return fmt.Sprintf("arn:%s:ecs:%s:%s:%s", amazon.Partition(s.config.Region), s.config.Region, s.config.Account, resource)
}

// shortName is what callers may give instead of an ARN: its last part.
func shortName(arnOrName string) string {
	return arnOrName[strings.LastIndexByte(arnOrName, '/')+1:]
}

func id(t *task) string { return shortName(*t.TaskArn) }

func clusterOf(t *task) string { return shortName(*t.ClusterArn) }

// serviceOf is the service that started a task, or "".
func serviceOf(t *task) string {
	name, ok := strings.CutPrefix(aws.ToString(t.Group), "service:")
	if !ok {
		return ""
	}
	return name
}

func serviceKey(v *service) string { return shortName(*v.ClusterArn) + "/" + *v.ServiceName }

func nameOfDefinition(d *definition) string { return fmt.Sprintf("%s:%d", *d.Family, d.Revision) }

func invalid(format string, args ...any) error {
	return &types.InvalidParameterException{Message: aws.String(fmt.Sprintf(format, args...))}
}

func clientError(format string, args ...any) error {
	return &types.ClientException{Message: aws.String(fmt.Sprintf(format, args...))}
}

// clusterName is the name of a cluster that exists. mu is held.
func (s *Server) clusterName(arnOrName *string) (string, error) {
	name := "default"
	if aws.ToString(arnOrName) != "" {
		name = shortName(*arnOrName)
	}
	if c, ok := s.clusters[name]; !ok || *c.Status != "ACTIVE" {
		return "", &types.ClusterNotFoundException{Message: aws.String("Cluster not found: " + name + ". Create it with CreateCluster.")}
	}
	return name, nil
}

// findService is a service that is not gone for good. mu is held.
func (s *Server) findService(cluster, arnOrName string) (*service, error) {
	v, ok := s.services[cluster+"/"+shortName(arnOrName)]
	if !ok {
		return nil, &types.ServiceNotFoundException{Message: aws.String("Service not found: " + arnOrName + " in cluster " + cluster + ".")}
	}
	return v, nil
}

// namedService is the service that a request names. mu is held.
func (s *Server) namedService(cluster, arnOrName *string) (*service, error) {
	name, err := s.clusterName(cluster)
	if err != nil {
		return nil, err
	}
	return s.findService(name, aws.ToString(arnOrName))
}

// findDefinition takes an ARN, family:revision, or a family for its newest that
// is active. mu is held.
func (s *Server) findDefinition(name string) (*definition, error) {
	name = shortName(name)
	if d, ok := s.definitions[name]; ok {
		return d, nil
	}
	var newest *definition
	for _, d := range s.definitions {
		if *d.Family == name && d.Status == types.TaskDefinitionStatusActive && (newest == nil || d.Revision > newest.Revision) {
			newest = d
		}
	}
	if newest != nil {
		return newest, nil
	}
	return nil, clientError("Unable to describe task definition: %s is not registered.", name)
}

// usable is a definition of which something new may start. mu is held.
func (s *Server) usable(name string) (*definition, error) {
	d, err := s.findDefinition(name)
	if err == nil && d.Status != types.TaskDefinitionStatusActive {
		return nil, clientError("TaskDefinition is inactive: %s was deregistered; register it again.", nameOfDefinition(d))
	}
	return d, err
}

// newest is a family's highest revision, or 0.
func (s *Server) newest(family string) int32 {
	var n int32
	for _, d := range s.definitions {
		if *d.Family == family {
			n = max(n, d.Revision)
		}
	}
	return n
}

// page cuts sorted names to one page. A token is the last name of the page
// before, so names that come and go do not shift pages.
func page(names []string, token *string, size *int32) (some []string, next *string, err error) {
	n := int(aws.ToInt32(size))
	if n < 0 || n > listLimit {
		return nil, nil, invalid("maxResults must be between 1 and %d.", listLimit)
	}
	if n == 0 {
		n = listLimit
	}
	slices.Sort(names)
	if aws.ToString(token) != "" {
		i, found := slices.BinarySearch(names, *token)
		if found {
			i++
		}
		names = names[i:]
	}
	if len(names) <= n {
		return append([]string{}, names...), nil, nil
	}
	return append([]string{}, names[:n]...), aws.String(names[n-1]), nil
}
