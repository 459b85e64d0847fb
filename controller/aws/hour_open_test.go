package aws_test

import (
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
)

// hourTasks are the options under which a controller of today looks at tasks.
func hourTasks(f controller.Fleet) aws.TasksOptions {
	return aws.TasksOptions{Cluster: f.ECS.Cluster, Service: f.ECS.Service, ControlPort: f.ECS.ControlPort, Every: f.LookEvery}
}

// withDeployments adds that a controller of today asks for deployments.
func withDeployments(p controller.Ports, tasks *aws.Tasks) controller.Ports {
	p.Deployments = tasks
	return p
}
