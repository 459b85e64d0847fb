package aws

import (
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/controller/rollout"
)

// setsUnderWay is the deployment of a service that CodeDeploy or an external
// controller deploys, which keeps task sets instead of deployments: one is under
// way while another set than the primary one has tasks; nil for none. ECS tells
// neither stages nor weights of it.
func setsUnderWay(s types.Service) *rollout.Deployment {
	sets := slices.DeleteFunc(slices.Clone(s.TaskSets), func(set types.TaskSet) bool { return !isPrimary(set) && isEmpty(set) })
	if !slices.ContainsFunc(sets, func(set types.TaskSet) bool { return !isPrimary(set) }) {
		return nil
	}
	newest := slices.MaxFunc(sets, func(a, b types.TaskSet) int { return aws.ToTime(a.CreatedAt).Compare(aws.ToTime(b.CreatedAt)) })
	d := &rollout.Deployment{ID: aws.ToString(newest.Id), Revision: id(aws.ToString(newest.TaskDefinition)), Since: aws.ToTime(newest.CreatedAt).UTC()}
	if s.DeploymentController != nil {
		d.Strategy = string(s.DeploymentController.Type)
	}
	if d.Strategy != string(types.DeploymentControllerTypeCodeDeploy) {
		return d // which of its sets get auctions only its controller knows
	}
	for _, set := range sets {
		if !isPrimary(set) && slices.ContainsFunc(sets, isPrimary) { // auctions must go somewhere
			d.Idle = append(d.Idle, aws.ToString(set.Id))
		}
	}
	return d
}

func isPrimary(set types.TaskSet) bool { return aws.ToString(set.Status) == "PRIMARY" }

func isEmpty(set types.TaskSet) bool { return set.RunningCount+set.PendingCount == 0 }
