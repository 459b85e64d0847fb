package aws

import (
	"context"
	"errors"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// containersOf names the container that answers auctions in each task, by ARN:
// the one that the fleet file names, else the one that maps the control port.
// Where nobody can tell, or no container has that name, it is missing, and any
// of them might.
func (t *Tasks) containersOf(ctx context.Context, described []types.Task) (map[string]string, error) {
	names := map[string]string{}
	for _, d := range described {
		name, err := t.containerOf(ctx, d)
		if err != nil {
			return nil, err
		}
		if name != "" {
			names[aws.ToString(d.TaskArn)] = name
		}
	}
	return names, nil
}

func (t *Tasks) containerOf(ctx context.Context, d types.Task) (string, error) {
	named := func(c types.Container) bool { return aws.ToString(c.Name) == t.o.Container }
	if t.o.Container != "" && slices.ContainsFunc(d.Containers, named) {
		return t.o.Container, nil
	}
	if t.o.Container != "" || len(d.Containers) < 2 {
		return "", nil
	}
	for _, c := range d.Containers {
		for _, b := range c.NetworkBindings {
			if int(aws.ToInt32(b.ContainerPort)) == t.o.ControlPort && b.Protocol != types.TransportProtocolUdp {
				return aws.ToString(c.Name), nil
			}
		}
	}
	return t.defined(ctx, aws.ToString(d.TaskDefinitionArn)) // awsvpc binds no ports, and a task that has ended none
}

// defined is the container that maps the control port by its task definition,
// which never changes; empty where none does, or we may not ask.
func (t *Tasks) defined(ctx context.Context, definition string) (string, error) {
	t.mu.Lock()
	name, known := t.containers[definition]
	t.mu.Unlock()
	if known || definition == "" {
		return name, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	out, err := t.client.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
	if err != nil && unavailable(err) {
		return "", explain("describe the task definition", t.at(), err)
	}
	if err == nil && out.TaskDefinition == nil {
		return "", explain("describe the task definition", t.at(), errors.New("the answer is empty: check --endpoint"))
	}
	if err == nil {
		name = mapping(out.TaskDefinition.ContainerDefinitions, t.o.ControlPort)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.containers) >= maxDefinitions {
		clear(t.containers)
	}
	t.containers[definition] = name
	return name, nil
}

// maxDefinitions bounds the task definitions that are remembered: a service
// runs two or three at a time.
const maxDefinitions = 64

func mapping(containers []types.ContainerDefinition, port int) string {
	for _, c := range containers {
		for _, m := range c.PortMappings {
			if int(aws.ToInt32(m.ContainerPort)) == port && m.Protocol != types.TransportProtocolUdp {
				return aws.ToString(c.Name)
			}
		}
	}
	return ""
}
