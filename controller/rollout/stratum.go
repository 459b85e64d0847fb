package rollout

import "strings"

// Stratum is where and as what a task runs, as ECS tells it: tasks of one
// stratum get the same clients and do the same work at the same pace, so that
// they can be compared. What is not known is empty.
type Stratum struct {
	Zone             string `json:"zone,omitempty"`              // availability zone
	CapacityProvider string `json:"capacity_provider,omitempty"` // else the launch type: FARGATE, EC2 or EXTERNAL
	InstanceType     string `json:"instance_type,omitempty"`     // of EC2; "fargate" for Fargate
	Revision         string `json:"revision,omitempty"`          // of the task definition, family:revision
	Deployment       string `json:"deployment,omitempty"`        // of the service, that started the task
}

// String names the stratum for people, and as a key: no two that ECS tells of
// have one name. It is empty where nothing is known.
func (s Stratum) String() string {
	var known []string
	for _, part := range []string{s.Zone, s.CapacityProvider, s.InstanceType, s.Revision, s.Deployment} {
		if part != "" {
			known = append(known, part)
		}
	}
	return strings.Join(known, " ")
}
