package ecs

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// order is what tasks to start.
type order struct {
	cluster    string
	definition *definition
	startedBy  string
	group      string
	tags       []types.Tag
	overrides  *types.TaskOverride
	launchType types.LaunchType
	strategy   []types.CapacityProviderStrategyItem
	network    *types.NetworkConfiguration
	count      int
}

func (o order) container() types.ContainerDefinition { return o.definition.ContainerDefinitions[0] }

// startTasks saves the tasks and then starts them. A task that cannot start
// is returned STOPPED, with the reason; an error means that none was started.
// mu is held.
func (s *Server) startTasks(ctx context.Context, o order) ([]*task, error) {
	if s.closing {
		return nil, clientError("The server is shutting down.")
	}
	var tasks []*task
	taken, standing, zones := s.addressesInUse(), s.standingOf(o), s.allowed(o)
	for range o.count {
		zone, provider := standing.next(zones, o.strategy)
		t, err := s.newTask(ctx, o, zone, provider, taken)
		if err != nil {
			return nil, err
		}
		tasks = append(tasks, t)
	}
	if err := s.commit(tasks...); err != nil {
		return nil, err
	}
	for i, t := range tasks {
		tasks[i] = s.launch(ctx, o, t)
	}
	s.observe(ctx, tasks...)
	s.poke()
	return tasks, nil
}

// launch starts a task's process and says what has become of the task.
func (s *Server) launch(ctx context.Context, o order, t *task) *task {
	taskID := id(t)
	now := time.Now()
	c := s.commandOf(o, t)
	p, err := s.launcher.launch(taskID, c, func(code int) { s.exited(context.WithoutCancel(ctx), taskID, code) })
	if err != nil {
		s.countFailure(t, now)
		return t.stopped(now, types.TaskStopCodeTaskFailedToStart, "CannotStartContainerError: "+err.Error(), nil)
	}
	s.processes[taskID] = p
	n := t.at(running)
	n.StartedAt = aws.Time(now)
	n.Connectivity, n.ConnectivityAt = types.ConnectivityConnected, aws.Time(now)
	n.Containers[0].RuntimeId = aws.String(strconv.Itoa(p.pid))
	if check := o.container().HealthCheck; check != nil {
		go s.watchHealth(context.WithoutCancel(ctx), p, check, c)
	}
	return n
}

func (s *Server) newTask(ctx context.Context, o order, zone string, provider *string, taken map[netip.Addr]bool) (*task, error) {
	var random [16]byte
	_, _ = rand.Read(random[:]) // never fails
	taskID := hex.EncodeToString(random[:])
	arn := s.arn("task/" + o.cluster + "/" + taskID)
	d := o.definition
	t := &task{Task: types.Task{
		TaskArn: aws.String(arn), ClusterArn: s.clusters[o.cluster].ClusterArn, TaskDefinitionArn: d.TaskDefinitionArn,
		LastStatus: aws.String(string(pending)), DesiredStatus: aws.String(string(running)), HealthStatus: types.HealthStatusUnknown,
		Group: aws.String(o.group), Tags: o.tags, Overrides: o.overrides, LaunchType: launchTypeOf(provider, o.launchType), CapacityProviderName: provider,
		CreatedAt: aws.Time(time.Now()), Cpu: d.Cpu, Memory: d.Memory, Version: 1,
		AvailabilityZone: aws.String(zone), ContainerInstanceArn: aws.String(s.instanceArn(o.cluster, zone)),
		Attributes: []types.Attribute{{Name: aws.String("ecs.cpu-architecture"), Value: aws.String(architecture())}},
	}}
	if o.startedBy != "" {
		t.StartedBy = aws.String(o.startedBy)
	}
	if t.LaunchType == types.LaunchTypeFargate {
		t.ContainerInstanceArn, t.PlatformVersion, t.PlatformFamily = nil, aws.String("1.4.0"), aws.String("Linux")
	}
	container := types.Container{
		ContainerArn: aws.String(s.arn("container/" + o.cluster + "/" + taskID + "/" + *o.container().Name)),
		TaskArn:      t.TaskArn, Name: o.container().Name, Image: o.container().Image,
		LastStatus: t.LastStatus, HealthStatus: types.HealthStatusUnknown,
		NetworkBindings: []types.NetworkBinding{}, NetworkInterfaces: []types.NetworkInterface{},
	}
	if err := s.connect(ctx, d, t, &container, taken); err != nil {
		return nil, err
	}
	t.Containers = []types.Container{container}
	return t, nil
}

// connect gives a task its address or its ports.
func (s *Server) connect(ctx context.Context, d *definition, t *task, c *types.Container, taken map[netip.Addr]bool) error {
	if d.NetworkMode == types.NetworkModeAwsvpc {
		addr, err := s.addresses.take(taken)
		if err != nil {
			return clientError("%v", err)
		}
		taken[addr] = true
		attachment := aws.String(rand.Text())
		details := []types.KeyValuePair{
			{Name: aws.String("subnetId"), Value: aws.String(subnetPrefix + *t.AvailabilityZone)},
			{Name: aws.String("networkInterfaceId"), Value: aws.String("eni-" + id(t)[:17])},
			{Name: aws.String("macAddress"), Value: aws.String(mac(addr))},
		}
		told := types.NetworkInterface{AttachmentId: attachment}
		if addr.Is6() {
			told.Ipv6Address = aws.String(addr.String())
			details = append(details, types.KeyValuePair{Name: aws.String("privateIPv6Address"), Value: told.Ipv6Address})
		} else {
			told.PrivateIpv4Address = aws.String(addr.String())
			details = append(details,
				types.KeyValuePair{Name: aws.String("privateDnsName"), Value: aws.String("ip-" + strings.ReplaceAll(addr.String(), ".", "-") + ".ec2.internal")},
				types.KeyValuePair{Name: aws.String("privateIPv4Address"), Value: told.PrivateIpv4Address})
		}
		t.Attachments = []types.Attachment{{
			Id: attachment, Type: aws.String("ElasticNetworkInterface"), Status: aws.String("ATTACHED"), Details: details,
		}}
		c.NetworkInterfaces = []types.NetworkInterface{told}
		return nil
	}
	for _, mapping := range d.ContainerDefinitions[0].PortMappings {
		host := aws.ToInt32(mapping.HostPort)
		if d.NetworkMode == types.NetworkModeHost {
			host = aws.ToInt32(mapping.ContainerPort)
		}
		if host == 0 {
			var err error
			if host, err = freePort(ctx); err != nil {
				return fmt.Errorf("find a free port: %w", err)
			}
		}
		protocol := mapping.Protocol
		if protocol == "" {
			protocol = types.TransportProtocolTcp
		}
		c.NetworkBindings = append(c.NetworkBindings, types.NetworkBinding{
			BindIP: aws.String("127.0.0.1"), ContainerPort: mapping.ContainerPort, HostPort: aws.Int32(host), Protocol: protocol,
		})
	}
	return nil
}

// mac is an address of a network interface, as unique as that of IPv4.
func mac(addr netip.Addr) string {
	ip := addr.As16()
	return fmt.Sprintf("0a:ff:%02x:%02x:%02x:%02x", ip[12], ip[13], ip[14], ip[15])
}

// freePort is one that nobody listens on now. Somebody else may take it
// before the task does; the task then fails and is replaced.
func freePort(ctx context.Context) (int32, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	addr, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return 0, err
	}
	return int32(addr.Port()), l.Close()
}

func (s *Server) addressesInUse() map[netip.Addr]bool {
	taken := map[netip.Addr]bool{}
	for _, t := range s.tasks {
		if addr, err := netip.ParseAddr(address(t)); err == nil && status(t) != stopped {
			taken[addr] = true
		}
	}
	return taken
}

// address is where a task listens.
func address(t *task) string {
	for _, c := range t.Containers {
		for _, ni := range c.NetworkInterfaces {
			return cmp.Or(aws.ToString(ni.PrivateIpv4Address), aws.ToString(ni.Ipv6Address))
		}
	}
	return "127.0.0.1"
}

// commandOf is what the task's definition and overrides say to run.
func (s *Server) commandOf(o order, t *task) command {
	def := o.container()
	c := command{
		argv: slices.Concat(def.EntryPoint, def.Command), env: s.environment(t, def),
		dir: aws.ToString(def.WorkingDirectory), logs: s.taskDir(id(t)),
	}
	if c.dir == "" {
		c.dir = c.logs
	}
	if o.overrides == nil {
		return c
	}
	for _, over := range o.overrides.ContainerOverrides {
		if aws.ToString(over.Name) != *def.Name {
			continue
		}
		if len(over.Command) > 0 {
			c.argv = slices.Concat(def.EntryPoint, over.Command)
		}
		c.env = append(c.env, variables(over.Environment)...)
	}
	return c
}

func variables(pairs []types.KeyValuePair) []string {
	var env []string
	for _, kv := range pairs {
		env = append(env, aws.ToString(kv.Name)+"="+aws.ToString(kv.Value))
	}
	return env
}

// environment is what the package comment promises; of two entries with one
// name the later counts.
func (s *Server) environment(t *task, def types.ContainerDefinition) []string {
	env := []string{
		"PATH=" + os.Getenv("PATH"),
		"HOME=" + os.Getenv("HOME"),
		"AWS_ENDPOINT_URL=" + s.config.Endpoint,
		"AWS_CONFIG_FILE=" + os.DevNull, // a container has none of this machine's profiles
		"AWS_REGION=" + s.config.Region,
		"AWS_ACCESS_KEY_ID=" + s.config.AccessKey,
		"AWS_SECRET_ACCESS_KEY=" + s.config.SecretKey,
		"ECS_CONTAINER_METADATA_URI_V4=" + s.config.Endpoint + MetadataPath + id(t),
		"SLUICE_TASK_ADDRESS=" + address(t),
	}
	for _, b := range t.Containers[0].NetworkBindings {
		env = append(env, fmt.Sprintf("PORT_%d=%d", aws.ToInt32(b.ContainerPort), aws.ToInt32(b.HostPort)))
	}
	return append(env, variables(def.Environment)...)
}

// watchHealth runs a task's health check until the task ends.
func (s *Server) watchHealth(ctx context.Context, p *process, check *types.HealthCheck, c command) {
	seconds := func(v *int32, otherwise int32) time.Duration {
		if v == nil {
			return time.Duration(otherwise) * time.Second
		}
		return time.Duration(*v) * time.Second
	}
	started, failures := time.Now(), int32(0)
	for {
		switch ok := healthy(ctx, check.Command, c, seconds(check.Timeout, 5)); {
		case ok:
			failures = 0
			s.setHealth(ctx, p.task, types.HealthStatusHealthy)
		case time.Since(started) >= seconds(check.StartPeriod, 0):
			failures++
		}
		if limit := check.Retries; failures >= max(aws.ToInt32(limit), 1) && (limit != nil || failures >= 3) {
			s.setHealth(ctx, p.task, types.HealthStatusUnhealthy)
		}
		timer := time.NewTimer(seconds(check.Interval, 30))
		select {
		case <-timer.C:
		case <-p.done:
			timer.Stop()
			return
		}
	}
}

func healthy(ctx context.Context, check []string, c command, limit time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var cmd *exec.Cmd
	switch {
	case len(check) > 1 && check[0] == "CMD-SHELL":
		cmd = exec.CommandContext(ctx, "/bin/sh", "-c", check[1])
	case len(check) > 1 && check[0] == "CMD":
		cmd = exec.CommandContext(ctx, check[1], check[2:]...)
	default:
		return false
	}
	cmd.Env, cmd.Dir = c.env, filepath.Clean(c.dir)
	return cmd.Run() == nil
}

func (s *Server) setHealth(ctx context.Context, taskID string, h types.HealthStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t, ok := s.tasks[taskID]
	if !ok || status(t) != running || t.HealthStatus == h {
		return
	}
	n := t.at(running)
	n.HealthStatus, n.Containers[0].HealthStatus = h, h
	s.observe(ctx, n)
	s.poke()
}
