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
	return t.settled(ctx, t.containers, definition, "describe the task definition", func(ctx context.Context) (string, error) {
		out, err := t.client.ecs.DescribeTaskDefinition(ctx, &ecs.DescribeTaskDefinitionInput{TaskDefinition: &definition})
		switch {
		case err != nil:
			return "", err
		case out.TaskDefinition == nil:
			return "", errors.New("the answer is empty: check --endpoint")
		}
		return mapping(out.TaskDefinition.ContainerDefinitions, t.o.ControlPort), nil
	})
}

// settled asks once for what never changes, and remembers that ECS does not let
// us, as nothing. What cannot be had now is asked for again.
func (t *Tasks) settled(ctx context.Context, known map[string]string, of, doing string, ask func(context.Context) (string, error)) (string, error) {
	t.mu.Lock()
	value, is := known[of]
	t.mu.Unlock()
	if is || of == "" {
		return value, nil
	}
	ctx, cancel := context.WithTimeout(ctx, t.client.timeout)
	defer cancel()
	value, err := ask(ctx)
	if err != nil && unavailable(err) {
		return "", explain(doing, t.at(), err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(known) >= maxDefinitions {
		clear(known)
	}
	known[of] = value
	return value, nil
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
