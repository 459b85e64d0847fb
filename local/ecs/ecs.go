// Package ecs serves the part of Amazon ECS that a service of long-running
// tasks needs, with processes of this machine as tasks: clusters, task
// definitions, services that keep their desired count and roll to a new task
// definition, or shift to it by BLUE_GREEN, LINEAR and CANARY, with PAUSE hooks;
// deployments and revisions; tasks with addresses, tags and scale-in protection,
// which are moved between zones that have more and fewer of them.
//
// Tasks are spread over availability zones, each with a subnet (subnet-<zone>)
// and a container instance of its own, all of them this machine.
//
// It does not pull images, isolate, limit CPU or memory, constrain placement,
// register with load balancers, move their traffic, or roll back a failed
// deployment by itself. A task runs
// one container: entryPoint and command, joined, name a program of this machine
// and its arguments; the image is ignored. Only Linux ends the tasks of a server that
// was killed with it and gives every task an address of its own; elsewhere
// use the bridge network mode.
//
// A task finds its place in its environment:
//
//	ECS_CONTAINER_METADATA_URI_V4  as on AWS; append /task for the TaskARN
//	SLUICE_TASK_ADDRESS            the address to listen on
//	PORT_<containerPort>           in bridge mode, the port to listen on instead
//	AWS_ENDPOINT_URL, AWS_REGION, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY
//	                               reach this server, as a task role would
//
// followed by the environment of its container definition and overrides. Its
// output is in <dir>/tasks/<id>/{stdout,stderr}.log.
package ecs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"go.etcd.io/bbolt"

	"github.com/sluicehq/sluice/local/awsjson"
)

// Config is what a Server needs. All fields are required but Network
// and Zones.
type Config struct {
	Dir       string // logs of tasks go below it
	DB        *bbolt.DB
	Region    string
	Account   string
	Endpoint  string // URL by which tasks reach this server
	AccessKey string // credentials that tasks are given
	SecretKey string
	// Network is where awsvpc tasks get their addresses; it must lie in
	// 127.0.0.0/8, or be ::1/128, which has room for one task. Zero means
	// 127.77.0.0/16.
	Network netip.Prefix
	// SilentHosts leaves it to EC2 to tell where container instances are.
	SilentHosts bool
	// Zones are the availability zones, over which a service's tasks are spread;
	// nil means the region's first.
	Zones []string
	// StopLimit bounds how long Close waits for tasks before it kills them.
	StopLimit time.Duration
	Log       *slog.Logger
}

// Limits of the real service that callers meet.
const (
	describeTasksLimit     = 100
	describeServicesLimit  = 10
	describeInstancesLimit = 100
	listLimit              = 100
	tagLimit               = 50
	protectLimit           = 10
	keepStopped            = time.Hour // how long a stopped task stays visible
	keepEvents             = 100       // per service
)

// Server holds clusters, services and tasks, and runs the tasks.
type Server struct {
	config   Config
	codec    *awsjson.Codec
	store    store
	launcher *launcher
	wake     chan struct{} // of size 1: something changed, look again

	mu          sync.Mutex // guards everything below
	closing     bool
	clusters    map[string]*types.Cluster           // by name
	definitions map[string]*definition              // by family:revision
	services    map[string]*service                 // by cluster/name
	deployments map[string]*types.ServiceDeployment // by ARN, of services
	revisions   map[string]*types.ServiceRevision   // by ARN, of services
	tasks       map[string]*task                    // by id
	processes   map[string]*process                 // by task id, while it runs
	addresses   addresses
}

// definition is a registered task definition.
type definition struct {
	types.TaskDefinition
	tags []types.Tag
}

// service is an ECS service and what its scheduler remembers.
type service struct {
	types.Service
	failures  int       // tasks that ended soon after their start, in a row
	notBefore time.Time // no task starts before, after such failures
}

// task is an ECS task and what callers do not see of it. A task in the
// server's map is never changed in place: it is replaced once saved.
type task struct {
	types.Task
	protected *time.Time // until when scale-in spares it
}

// Open loads what the DB holds. Tasks that were running belong to a server
// that is gone, and are stopped.
func Open(c Config) (*Server, error) {
	if !c.Network.IsValid() {
		c.Network = netip.PrefixFrom(netip.AddrFrom4([4]byte{127, 77, 0, 0}), 16)
	}
	if len(c.Zones) == 0 {
		c.Zones = Zones(c.Region, 1)
	}
	if !c.Network.Addr().IsLoopback() || c.Network.Addr().Is6() && !c.Network.IsSingleIP() {
		return nil, fmt.Errorf("use %s for tasks: only networks in 127.0.0.0/8, and ::1/128, stay on this machine", c.Network)
	}
	codec := Codec()
	s := &Server{
		config: c, codec: codec, store: store{db: c.DB, codec: codec}, wake: make(chan struct{}, 1),
		clusters: map[string]*types.Cluster{}, definitions: map[string]*definition{},
		deployments: map[string]*types.ServiceDeployment{}, revisions: map[string]*types.ServiceRevision{},
		services: map[string]*service{}, tasks: map[string]*task{}, processes: map[string]*process{},
	}
	if err := os.MkdirAll(s.taskDir(""), 0o700); err != nil {
		return nil, fmt.Errorf("create the task folder: %w", err)
	}
	if err := s.load(); err != nil {
		return nil, fmt.Errorf("load ECS state: %w", err)
	}
	s.launcher = newLauncher()
	return s, nil
}

func (s *Server) taskDir(id string) string { return filepath.Join(s.config.Dir, "tasks", id) }

// lost is why tasks of an earlier run are stopped.
const lost = "Host terminated: the local server was restarted."

func (s *Server) load() error {
	if err := s.store.load(s); err != nil {
		return err
	}
	var ended []*task
	for _, t := range s.tasks {
		if status(t) != stopped {
			ended = append(ended, t.stopped(time.Now(), types.TaskStopCodeTerminationNotice, lost, nil))
		}
	}
	if err := s.store.saveTasks(ended...); err != nil {
		return err
	}
	for _, t := range ended {
		s.tasks[id(t)] = t
	}
	start, err := s.store.addressStart()
	if err != nil {
		return err
	}
	s.addresses = addresses{network: s.config.Network, next: start}
	return nil
}

// Run keeps services as they should be until ctx ends, then stops all tasks.
func (s *Server) Run(ctx context.Context) error {
	beat := time.NewTicker(time.Second) // protection ends, stopped tasks are forgotten, starts were put off
	defer beat.Stop()
	for {
		s.reconcile(ctx)
		select {
		case <-s.wake:
		case <-beat.C:
		case <-ctx.Done():
			return s.shutDown()
		}
	}
}

func (s *Server) poke() {
	select {
	case s.wake <- struct{}{}:
	default: // it will look anyway
	}
}

// shutDown asks all tasks to end, and after the limit makes them.
func (s *Server) shutDown() error {
	s.mu.Lock()
	s.closing = true
	var running []*process
	for _, p := range s.processes {
		running = append(running, p)
		p.stop(s.config.StopLimit)
	}
	s.mu.Unlock()
	limit := time.After(s.config.StopLimit + 5*time.Second)
	var err error
	for _, p := range running {
		select {
		case <-p.done:
		case <-limit:
			err = errors.Join(err, fmt.Errorf("stop task %s: process %d does not end", p.task, p.pid))
		}
	}
	s.launcher.close()
	return err
}

// address allocation is sequential, so that an address is not given to
// another task soon after its owner's end.
type addresses struct {
	network netip.Prefix
	next    uint32
}

func (a *addresses) take(used map[netip.Addr]bool) (netip.Addr, error) {
	full := fmt.Errorf("give the task an address: all of %s are in use; choose a larger --task-network", a.network)
	if one := a.network.Addr(); one.Is6() {
		if used[one] {
			return one, full
		}
		return one, nil
	}
	base := a.network.Masked().Addr().As4()
	size := uint32(1) << (32 - a.network.Bits())
	for range size {
		n := a.next % size
		a.next++
		// .0 and .255 mean networks and broadcasts to some tools.
		if n%256 == 0 || n%256 == 255 {
			continue
		}
		b := [4]byte{base[0], base[1] + byte(n>>16), base[2] + byte(n>>8), base[3] + byte(n)}
		if addr := netip.AddrFrom4(b); !used[addr] {
			return addr, nil
		}
	}
	return netip.Addr{}, full
}
