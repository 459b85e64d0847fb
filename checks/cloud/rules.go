package cloud

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Drain is how long a task takes to end: what templates must give it.
type Drain struct {
	Delay, Timeout time.Duration // --drain-delay and --drain-timeout
	Idle           time.Duration // --idle-timeout
}

// Knowledge is what templates are held against that is not in them.
type Knowledge struct {
	Drain   Drain
	Actions func(action string) bool // whether IAM has an action of a service that Sluice calls
}

// stack is a resolved template, being looked at.
type stack struct {
	Knowledge
	all   map[string]Resource
	wrong []string
}

// Check returns what is wrong with a stack that checkers of templates do not
// find, each fault with the name of the resource.
func Check(resources map[string]Resource, k Knowledge) []string {
	s := &stack{Knowledge: k, all: resources}
	for _, name := range slices.Sorted(maps.Keys(resources)) {
		r := resources[name]
		switch r.Type {
		case "AWS::ElasticLoadBalancingV2::LoadBalancer":
			s.balancer(r)
		case "AWS::ElasticLoadBalancingV2::TargetGroup":
			s.targets(r)
		case "AWS::ElasticLoadBalancingV2::Listener":
			s.listener(r)
		case "AWS::ECS::Service":
			s.service(r)
		case "AWS::ECS::TaskDefinition":
			s.definition(r)
		case "AWS::ECS::CapacityProvider":
			s.provider(r)
		case "AWS::S3::Bucket":
			s.bucket(r)
		case "AWS::IAM::Role", "AWS::S3::BucketPolicy":
			s.policies(r)
		}
	}
	return s.wrong
}

func (s *stack) fault(r Resource, format string, args ...any) {
	s.wrong = append(s.wrong, r.Name+": "+fmt.Sprintf(format, args...))
}

// at walks down maps and lists by their keys.
func at(v any, keys ...string) any {
	for _, key := range keys {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil || i >= len(in) {
				return nil
			}
			v = in[i]
		default:
			return nil
		}
	}
	return v
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func items(v any) []any {
	list, _ := v.([]any)
	return list
}

func number(v any) (int, bool) {
	n, err := strconv.Atoi(text(v))
	return n, err == nil
}

// attribute is one of a load balancer, a listener or a target group.
func attribute(list any, key string) string {
	for _, a := range items(list) {
		if text(at(a, "Key")) == key {
			return text(at(a, "Value"))
		}
	}
	return ""
}

func (s *stack) balancer(r Resource) {
	if text(r.Properties["Type"]) == "network" && attribute(r.Properties["LoadBalancerAttributes"], "load_balancing.cross_zone.enabled") != "true" {
		s.fault(r, "connections of one zone reach the tasks of that zone alone: set load_balancing.cross_zone.enabled to true")
	}
}

// The bounds of a TCP listener's idle time-out.
const leastIdle, mostIdle = 60, 6000

func (s *stack) listener(r Resource) {
	if text(r.Properties["Protocol"]) != "TCP" {
		return
	}
	set := attribute(r.Properties["ListenerAttributes"], "tcp.idle_timeout.seconds")
	if set == "" {
		set = "350" // AWS's own
	}
	idle, is := number(set)
	switch {
	case !is || idle < leastIdle || idle > mostIdle:
		s.fault(r, "tcp.idle_timeout.seconds is %s: want %d to %d", set, leastIdle, mostIdle)
	case text(r.Properties["Port"]) == "9090" && time.Duration(idle)*time.Second <= s.Drain.Idle:
		s.fault(r, "tcp.idle_timeout.seconds is %d, and a task ends idle connections after %v: the balancer would forget them first", idle, s.Drain.Idle)
	}
}

func (s *stack) targets(r Resource) {
	p := r.Properties
	port := text(p["HealthCheckPort"])
	if n, is := number(port); port != "traffic-port" && (!is || n < 1 || n > 65535) {
		s.fault(r, "HealthCheckPort %q is no port", port)
	} else if is && !s.opened(r.Name, n) {
		s.fault(r, "HealthCheckPort %d is mapped by no container behind it", n)
	}
	if text(p["HealthCheckProtocol"]) != "HTTP" || text(p["HealthCheckPath"]) != "/readyz" {
		s.fault(r, "its health check asks %s %s, and only HTTP /readyz knows whether a model serves", p["HealthCheckProtocol"], text(p["HealthCheckPath"]))
	}
	if !s.takesAuctions(r) {
		return
	}
	seconds, _ := number(attribute(p["TargetGroupAttributes"], "deregistration_delay.timeout_seconds"))
	if delay := time.Duration(seconds) * time.Second; delay < s.Drain.Delay+s.Drain.Timeout || delay > 4*(s.Drain.Delay+s.Drain.Timeout) {
		s.fault(r, "deregistration_delay.timeout_seconds is %d, and a task takes %v to end its connections: want that much, and four times that much at most", seconds, s.Drain.Delay+s.Drain.Timeout)
	}
	for _, key := range []string{"deregistration_delay.connection_termination.enabled", "target_health_state.unhealthy.connection_termination.enabled"} {
		if attribute(p["TargetGroupAttributes"], key) != "false" {
			s.fault(r, "the balancer cuts connections in the middle of requests: set %s to false", key)
		}
	}
}

func (s *stack) takesAuctions(r Resource) bool { return text(r.Properties["Port"]) == "9090" }

// opened reports whether a container behind a target group maps a port.
func (s *stack) opened(group string, port int) bool {
	for _, r := range s.all {
		for _, l := range items(r.Properties["LoadBalancers"]) {
			if text(at(l, "TargetGroupArn")) == group && s.maps(text(r.Properties["TaskDefinition"]), "", port) {
				return true
			}
		}
	}
	return false
}

// maps reports whether a container of a definition maps a port; any where it
// has no name.
func (s *stack) maps(definition, container string, port int) bool {
	for _, c := range items(s.all[definition].Properties["ContainerDefinitions"]) {
		if container != "" && text(at(c, "Name")) != container {
			continue
		}
		for _, m := range items(at(c, "PortMappings")) {
			if text(at(m, "ContainerPort")) == strconv.Itoa(port) {
				return true
			}
		}
	}
	return false
}

func (s *stack) service(r Resource) {
	p := r.Properties
	deployed := p["DeploymentConfiguration"]
	if how := text(at(deployed, "Strategy")); how != "" && how != "ROLLING" || len(items(at(deployed, "LifecycleHooks"))) > 0 {
		s.fault(r, "it is deployed otherwise than by ROLLING, or has hooks: controllers would need the rights of cloud.Needless to tell which tasks get auctions")
	}
	for _, l := range items(p["LoadBalancers"]) {
		if port, is := number(at(l, "ContainerPort")); !is || !s.maps(text(p["TaskDefinition"]), text(at(l, "ContainerName")), port) {
			s.fault(r, "its load balancer sends to port %s of container %q, which does not map it", text(at(l, "ContainerPort")), text(at(l, "ContainerName")))
		}
	}
	for i := range items(p["CapacityProviderStrategy"]) {
		provider := text(at(p["CapacityProviderStrategy"], strconv.Itoa(i), "CapacityProvider"))
		if strings.HasPrefix(provider, "FARGATE") && len(items(p["PlacementStrategies"])) > 0 {
			s.fault(r, "Fargate takes no PlacementStrategies")
		}
	}
}

func (s *stack) definition(r Resource) {
	if mode := text(r.Properties["NetworkMode"]); mode != "awsvpc" {
		s.fault(r, "NetworkMode is %s: controllers would need ec2:DescribeInstances to find such tasks, and security groups could not tell tasks from their machines", mode)
	}
	for _, c := range items(r.Properties["ContainerDefinitions"]) {
		command := texts(at(c, "Command"))
		for _, word := range command {
			variable, is := strings.CutPrefix(word, "env:")
			variable, _, _ = strings.Cut(variable, ":")
			if is && !slices.ContainsFunc(items(at(c, "Secrets")), func(one any) bool { return text(at(one, "Name")) == variable }) {
				s.fault(r, "container %s reads the variable %s, and none of its Secrets is called so", text(at(c, "Name")), variable)
			}
		}
		if len(command) == 0 || command[0] != "task" {
			continue
		}
		for flag, port := range map[string]string{"--listen": "9090", "--control-listen": "9091", "--http-listen": "9092"} {
			listen := ":" + port
			if i := slices.Index(command, flag); i >= 0 && i+1 < len(command) {
				listen = command[i+1]
			}
			n, is := number(listen[strings.LastIndexByte(listen, ':')+1:])
			if !is || !s.maps(r.Name, text(at(c, "Name")), n) {
				s.fault(r, "container %s listens on %s (%s) and does not map that port", text(at(c, "Name")), listen, flag)
			}
		}
		stop, _ := number(at(c, "StopTimeout"))
		if least := s.Drain.Delay + s.Drain.Timeout; time.Duration(stop)*time.Second <= least {
			s.fault(r, "StopTimeout is %d seconds, and a task takes %v to end its connections: ECS would kill it before", stop, least)
		}
		if role := text(r.Properties["TaskRoleArn"]); role == text(r.Properties["ExecutionRoleArn"]) {
			s.fault(r, "the task has the role of the agent that starts it, and with it all secrets")
		}
	}
}

func (s *stack) provider(r Resource) {
	group := at(r.Properties, "AutoScalingGroupProvider")
	if text(at(group, "ManagedTerminationProtection")) != "ENABLED" {
		return
	}
	machines := s.all[text(at(group, "AutoScalingGroupArn"))]
	if text(machines.Properties["NewInstancesProtectedFromScaleIn"]) != "true" {
		s.fault(r, "ManagedTerminationProtection wants NewInstancesProtectedFromScaleIn in %s", machines.Name)
	}
	if text(at(group, "ManagedScaling", "Status")) != "ENABLED" {
		s.fault(r, "ManagedTerminationProtection wants ManagedScaling")
	}
}

func (s *stack) bucket(r Resource) {
	p := r.Properties
	if text(at(p, "VersioningConfiguration", "Status")) != "Enabled" {
		s.fault(r, "it keeps no versions, so that nothing that is damaged can be restored")
	}
	for _, block := range []string{"BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"} {
		if text(at(p, "PublicAccessBlockConfiguration", block)) != "true" {
			s.fault(r, "%s is not set: it could become public", block)
		}
	}
	for _, rule := range items(at(p, "LifecycleConfiguration", "Rules")) {
		for _, of := range []string{"NoncurrentVersionExpiration", "NoncurrentVersionTransition"} {
			if m := at(rule, of); m != nil {
				if days, is := number(at(m, "NoncurrentDays")); !is || days < 1 {
					s.fault(r, "rule %s: NoncurrentDays is %s: want 1 or more", text(at(rule, "Id")), text(at(m, "NoncurrentDays")))
				}
			}
		}
	}
	tls := slices.ContainsFunc(slices.Collect(maps.Values(s.all)), func(other Resource) bool {
		return other.Type == "AWS::S3::BucketPolicy" && text(other.Properties["Bucket"]) == r.Name &&
			strings.Contains(fmt.Sprint(other.Properties["PolicyDocument"]), "aws:SecureTransport:false")
	})
	if !tls {
		s.fault(r, "no policy turns away who comes without TLS")
	}
}

// trusted are the services that take roles of the templates.
func trusted() []string {
	return []string{"ecs-tasks.amazonaws.com", "ec2.amazonaws.com", "sagemaker.amazonaws.com"}
}

// knownActions are those of services that Sluice itself does not call; others
// are held against the operations of its SDKs.
func knownActions() []string {
	return []string{
		"ecr:GetAuthorizationToken", "ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage",
		"logs:CreateLogGroup", "logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents",
		"secretsmanager:GetSecretValue", "cloudwatch:PutMetricData", "s3:*",
	}
}

func (s *stack) policies(r Resource) {
	for _, t := range items(at(r.Properties, "AssumeRolePolicyDocument", "Statement")) {
		for _, service := range texts(at(t, "Principal", "Service")) {
			if !slices.Contains(trusted(), service) {
				s.fault(r, "there is no service %s that takes roles here", service)
			}
		}
	}
	all, err := statements(r)
	if err != nil {
		s.fault(r, "%v", err)
	}
	for _, one := range all {
		for _, action := range one.Actions {
			s.action(r, one, action)
		}
	}
}

func (s *stack) action(r Resource, one Statement, action string) {
	if !slices.Contains(knownActions(), action) && !s.Actions(action) {
		s.fault(r, "%s: IAM has no action %s", one.Where, action)
		return
	}
	if one.Effect != "Allow" {
		return
	}
	kind, known := KindOf(action)
	for _, resource := range one.Resources {
		if known && !kind.fits(resource) {
			s.fault(r, "%s: %s is about a resource of kind %q, which %s is not", one.Where, action, kind, resource)
		}
	}
	for _, c := range one.Conditions {
		if c.Key == "ecs:cluster" && action == "ecs:TagResource" {
			s.fault(r, "%s: %s knows no condition %s, so that it would never be allowed", one.Where, action, c.Key)
		}
	}
}

// fits reports whether a resource in a policy can be of a kind.
func (k Kind) fits(resource string) bool {
	if strings.HasSuffix(resource, ".Arn") || strings.Contains(resource, ".Arn/") { // of a bucket of the template
		return k == Bucket && !strings.Contains(resource, "/") || k == Object && strings.Contains(resource, "/")
	}
	pattern := map[Kind]string{
		Nothing: `^\*$`,
		Bucket:  `^arn:[a-z-]+:s3:::[^/]+$`,
		Object:  `^arn:[a-z-]+:s3:::[^/]+/.+$`,
	}[k]
	if pattern == "" {
		pattern = `^arn:[a-z-]+:(ecs|sagemaker):[^:]*:[^:]*:` + string(k) + `/.+$`
	}
	return regexp.MustCompile(pattern).MatchString(resource)
}
