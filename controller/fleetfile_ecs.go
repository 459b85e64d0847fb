package controller

import (
	"errors"
	"fmt"
	"path"
	"regexp"
	"strings"
)

// ECS names a fleet's service.
type ECS struct {
	Cluster     string `yaml:"cluster"`
	Service     string `yaml:"service"`
	ControlPort int    `yaml:"control_port"` // container port, default 9091
	Container   string `yaml:"container"`    // that answers auctions; empty: whichever maps the control port
}

// place names the service, however cluster and service are written: by name or
// by ARN.
func (e ECS) place() string { return path.Base(e.Cluster) + "/" + path.Base(e.Service) }

// Region is where the service is, as far as an ARN tells; empty where none does.
func (e ECS) Region() string {
	for _, name := range []string{e.Cluster, e.Service} {
		if arn, ok := readECS(name); ok {
			return arn.region
		}
	}
	return ""
}

func (e ECS) check() error {
	if e.Cluster == "" || e.Service == "" {
		return errors.New("ecs: want the cluster and the service of the inference tasks")
	}
	if e.ControlPort < 1 || e.ControlPort > 65535 {
		return fmt.Errorf("ecs.control_port is %d: want a port", e.ControlPort)
	}
	cluster, err := checkECSName("cluster", e.Cluster)
	if err != nil {
		return err
	}
	service, err := checkECSName("service", e.Service)
	if err != nil || service == (ecsARN{}) {
		return err
	}
	_, names, _ := strings.Cut(service.resource, "/")
	in, _, both := strings.Cut(names, "/") // ARNs of before 2018 have no cluster
	switch {
	case both && in != path.Base(e.Cluster):
		return fmt.Errorf("ecs.service is of cluster %q, and ecs.cluster is %q: name the service's", in, path.Base(e.Cluster))
	case cluster != (ecsARN{}) && (cluster.partition != service.partition || cluster.region != service.region || cluster.account != service.account):
		return fmt.Errorf("ecs.service is in %s, and ecs.cluster in %s: name both of one place", service.where(), cluster.where())
	}
	return nil
}

// ecsARN is an ARN of ECS's, of any partition: arn:aws-cn:ecs:cn-north-1:....
type ecsARN struct{ partition, region, account, resource string }

func (a ecsARN) where() string { return a.partition + " " + a.region + " " + a.account }

func readECS(text string) (a ecsARN, ok bool) {
	parts := strings.SplitN(text, ":", 6)
	if len(parts) < 6 || parts[0] != "arn" || !strings.HasPrefix(parts[1], "aws") || parts[2] != "ecs" {
		return a, false
	}
	return ecsARN{parts[1], parts[3], parts[4], parts[5]}, true
}

// checkECSName refuses what is neither a name nor an ARN of that kind. The ARN
// of a name is the zero value.
func checkECSName(kind, text string) (ecsARN, error) {
	const name = `[a-zA-Z0-9_-]{1,255}`
	if !strings.HasPrefix(text, "arn:") {
		if !regexp.MustCompile(`^` + name + `$`).MatchString(text) {
			return ecsARN{}, fmt.Errorf("ecs.%s is %q: want a name of letters, digits, dashes and underscores, or an ARN", kind, text)
		}
		return ecsARN{}, nil
	}
	arn, ok := readECS(text)
	want := map[string]string{"cluster": `^cluster/` + name + `$`, "service": `^service/(` + name + `/)?` + name + `$`}[kind]
	if !ok || arn.region == "" || !regexp.MustCompile(want).MatchString(arn.resource) {
		example := map[string]string{"cluster": "cluster/prod", "service": "service/prod/inference"}[kind]
		return ecsARN{}, fmt.Errorf("ecs.%s is %q: want an ARN such as arn:aws:ecs:eu-west-1:123456789012:%s, or a name", kind, text, example)
	}
	return arn, nil
}
