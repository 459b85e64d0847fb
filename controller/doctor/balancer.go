package doctor

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Targets is a target group of the service, with what sends to it. What is nil is
// not known.
type Targets struct {
	Name      string
	Protocol  string // TCP, TLS, HTTP, ...
	Health    Health
	Balancers int // that send to it

	Attributes *map[string]string // of the group, as Elastic Load Balancing names them
	CrossZone  *string            // what its load balancer says of that
	Listeners  *[]Listener        // that forward to it
}

// Health is how a target group asks whether a target is well.
type Health struct{ Protocol, Port, Path string }

// Listener is one of a load balancer.
type Listener struct {
	Port int
	Idle *string // seconds, as its attribute says; nil where it is not known
}

// Attributes of Elastic Load Balancing, and their values without being set.
const (
	AttributeCrossZone = "load_balancing.cross_zone.enabled"
	AttributeIdle      = "tcp.idle_timeout.seconds"
	usualIdle          = "350"

	attributeDelay     = "deregistration_delay.timeout_seconds"
	attributeCutGone   = "deregistration_delay.connection_termination.enabled"
	attributeCutUnwell = "target_health_state.unhealthy.connection_termination.enabled"
	attributeProxy     = "proxy_protocol_v2.enabled"
)

// balancers is about what brings auctions to tasks.
func balancers(f Facts) (all []Finding) {
	var c Container // without a definition, as tasks are by themselves
	hosted := false
	if f.Definition != nil {
		hosted = f.Definition.Hosted
		if of, wrong := inference(*f.Definition, f.Asked); wrong == nil {
			c = of
		}
	}
	for _, t := range f.Targets {
		found := t.health(c, f.Asked, hosted)
		found = append(found, t.flow(c, drainOf(c, f.Asked))...)
		found = append(found, t.silence(idleOf(c, f.Asked))...)
		if len(found) == 0 && t.Attributes != nil && t.CrossZone != nil && t.Listeners != nil {
			found = []Finding{{Well, "balancer", "The target group asks /readyz, reaches all zones, and lets tasks end their connections.", "", t.Name}}
		}
		all = append(all, found...)
	}
	return all
}

// health is about who gets auctions.
func (t Targets) health(c Container, a Asked, hosted bool) (all []Finding) {
	if !strings.HasPrefix(t.Protocol, "TCP") && t.Protocol != "TLS" {
		all = append(all, Finding{
			Wrong, "balancer", "The target group speaks " + t.Protocol + ", and auctions come by Thrift on TCP.",
			"Put a Network Load Balancer before the tasks, with a target group of TCP.", t.Name,
		})
	}
	if t.Balancers == 0 {
		all = append(all, Finding{Wrong, "balancer", "No load balancer sends to the target group: no auction reaches a task.", "Let a listener forward to it.", t.Name})
	}
	port := strconv.Itoa(a.HealthPort)
	if at := c.Options["http-listen"]; at != "" {
		port = at[strings.LastIndexByte(at, ':')+1:]
	}
	asks := fmt.Sprintf("%s %s on port %s", t.Health.Protocol, t.Health.Path, t.Health.Port)
	if strings.HasPrefix(t.Health.Protocol, "HTTP") && t.Health.Path == "/readyz" && (t.Health.Port == port || hosted && t.Health.Port != "traffic-port") {
		return all
	}
	return append(all, Finding{
		Wrong, "balancer_health", "The target group's health check does not ask whether a model serves: tasks without one would get auctions, or none would.",
		"Let it ask HTTP /readyz on port " + port + ", which is that of --http-listen.", t.Name + " asks " + strings.Join(strings.Fields(asks), " "),
	})
}

// flow is about where connections go, and how they end.
func (t Targets) flow(c Container, drain time.Duration) (all []Finding) {
	if t.Attributes == nil {
		return nil
	}
	is := *t.Attributes
	cross := is[AttributeCrossZone]
	if cross != "true" && cross != "false" && t.CrossZone != nil { // it is the load balancer's to say
		cross = *t.CrossZone
	}
	if cross == "false" {
		all = append(all, Finding{
			Doubtful, "cross_zone", "Connections of one zone reach the tasks of that zone alone: tasks get different shares of the auctions, and a zone without tasks none.",
			"Set " + AttributeCrossZone + " of the load balancer to true.", t.Name,
		})
	}
	seconds, err := strconv.Atoi(is[attributeDelay])
	if delay := time.Duration(seconds) * time.Second; err == nil && (delay < drain || delay > 4*drain) {
		says := fmt.Sprintf("The load balancer lets a task that ends go after %v, and the task takes up to %v to end its connections.", delay, drain)
		if delay > drain {
			says = fmt.Sprintf("A task that ends stays for %v before it is told so, though it ends its connections within %v: deployments take that much longer.", delay, drain)
		}
		all = append(all, Finding{
			Doubtful, "deregistration", says,
			fmt.Sprintf("Set %s to %d, or up to four times that: as long as --drain-delay and --drain-timeout together.", attributeDelay, int((drain+time.Second-1)/time.Second)), t.Name,
		})
	}
	for _, cuts := range []string{attributeCutGone, attributeCutUnwell} {
		if is[cuts] == "true" {
			all = append(all, Finding{Doubtful, "cut", "The load balancer cuts connections in the middle of requests.", "Set " + cuts + " to false: a task ends its connections itself.", t.Name})
		}
	}
	if sends := is[attributeProxy] == "true"; c.Options != nil && sends != takesProxy(c) {
		found := Finding{Wrong, "proxy_protocol", "The load balancer sends a PROXY protocol header, which tasks do not expect: no auction would be read.", "Start tasks with --proxy-protocol, or set " + attributeProxy + " to false.", t.Name}
		if !sends {
			found.Says, found.Do = "Tasks wait for a PROXY protocol header, which the load balancer does not send: no auction would be read.", "Set "+attributeProxy+" to true, or start tasks without --proxy-protocol."
		}
		all = append(all, found)
	}
	return all
}

func takesProxy(c Container) bool {
	value, given := c.Options["proxy-protocol"]
	return given && value != "false"
}

// silence is about who ends connections that nobody uses.
func (t Targets) silence(task time.Duration) (all []Finding) {
	if t.Listeners == nil {
		return nil
	}
	if len(*t.Listeners) == 0 && t.Balancers > 0 {
		all = append(all, Finding{Wrong, "balancer", "No listener forwards to the target group: no auction reaches a task.", "Let one forward to it.", t.Name})
	}
	for _, l := range *t.Listeners {
		if l.Idle == nil {
			continue
		}
		set := *l.Idle
		if set == "" {
			set = usualIdle
		}
		seconds, err := strconv.Atoi(set)
		if err != nil || time.Duration(seconds)*time.Second > task {
			continue
		}
		all = append(all, Finding{
			Wrong, "idle", fmt.Sprintf("The load balancer forgets a silent connection after %ds, and a task ends it after %v: what a client sends after that gets no answer.", seconds, task),
			fmt.Sprintf("Set %s of the listener of port %d to more than %d, or --idle-timeout of tasks to less than %ds.", AttributeIdle, l.Port, int(task/time.Second), seconds), t.Name,
		})
	}
	return all
}

// idleOf is how long a connection to a task may be silent.
func idleOf(c Container, a Asked) time.Duration {
	if d, err := time.ParseDuration(c.Options["idle-timeout"]); err == nil {
		return d
	}
	return a.Idle
}
