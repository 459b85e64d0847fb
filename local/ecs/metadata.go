package ecs

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
)

// MetadataPath is where tasks find themselves; a task's id follows.
const MetadataPath = "/v4/"

// ServeMetadata answers the task metadata endpoint, version 4: at <id> the
// container, at <id>/task the task. As on AWS it asks for no signature.
func (s *Server) ServeMetadata(w http.ResponseWriter, r *http.Request) {
	taskID, rest, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, MetadataPath), "/")
	s.mu.Lock()
	t, ok := s.tasks[taskID]
	s.mu.Unlock()
	if !ok || (rest != "" && rest != "task") {
		http.NotFound(w, r)
		return
	}
	body := containerMetadata(t)
	if rest == "task" {
		body = taskMetadata(t)
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(body) // the caller has gone if this fails
}

func taskMetadata(t *task) map[string]any {
	family, revision, _ := strings.Cut(shortName(*t.TaskDefinitionArn), ":")
	return map[string]any{
		"Cluster":          *t.ClusterArn,
		"TaskARN":          *t.TaskArn,
		"Family":           family,
		"Revision":         revision,
		"ServiceName":      serviceOf(t),
		"DesiredStatus":    *t.DesiredStatus,
		"KnownStatus":      *t.LastStatus,
		"AvailabilityZone": aws.ToString(t.AvailabilityZone),
		"LaunchType":       t.LaunchType,
		"Containers":       []any{containerMetadata(t)},
	}
}

func containerMetadata(t *task) map[string]any {
	c := t.Containers[0]
	network := map[string]any{"NetworkMode": "bridge", "IPv4Addresses": []string{address(t)}}
	for _, ni := range c.NetworkInterfaces {
		network["NetworkMode"] = "awsvpc"
		if ni.Ipv6Address != nil {
			delete(network, "IPv4Addresses")
			network["IPv6Addresses"] = []string{*ni.Ipv6Address}
		}
	}
	return map[string]any{
		"DockerId":    id(t),
		"Name":        aws.ToString(c.Name),
		"Image":       aws.ToString(c.Image),
		"KnownStatus": *t.LastStatus,
		"Labels": map[string]string{
			"com.amazonaws.ecs.cluster":  *t.ClusterArn,
			"com.amazonaws.ecs.task-arn": *t.TaskArn,
		},
		"Networks": []any{network},
	}
}
