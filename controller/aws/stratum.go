package aws

import (
	"cmp"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller/rollout"
)

// fargate is the instance type of tasks that have no instance.
const fargate = "fargate"

// stratum is where and as what a task runs. Tasks that no deployment has
// started are told apart by their group.
func stratum(d types.Task, known map[string]host) rollout.Stratum {
	s := rollout.Stratum{
		Zone:             aws.ToString(d.AvailabilityZone),
		CapacityProvider: cmp.Or(aws.ToString(d.CapacityProviderName), string(d.LaunchType)),
		InstanceType:     known[aws.ToString(d.ContainerInstanceArn)].kind,
		Revision:         id(aws.ToString(d.TaskDefinitionArn)),
		Deployment:       aws.ToString(d.StartedBy),
	}
	if d.LaunchType == types.LaunchTypeFargate || strings.HasPrefix(s.CapacityProvider, "FARGATE") {
		s.InstanceType = fargate
	}
	if s.Deployment == "" {
		s.Deployment = aws.ToString(d.Group)
	}
	return s
}
