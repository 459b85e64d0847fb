package aws_test

import (
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
)

// hourTasks are the options under which a controller looked at tasks.
func hourTasks(f controller.Fleet) aws.TasksOptions {
	return aws.TasksOptions{Cluster: f.ECS.Cluster, Service: f.ECS.Service, ControlPort: f.ECS.ControlPort}
}

// withDeployments adds nothing: no controller asked for deployments.
func withDeployments(p controller.Ports, _ *aws.Tasks) controller.Ports { return p }
