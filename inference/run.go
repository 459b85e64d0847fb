package inference

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/identity"
)

// tcpKeepAlive is well below the 350 s after which a network load balancer
// forgets a silent connection.
const tcpKeepAlive = 60 * time.Second

// Settings are what a task is started with: its options, and where to find
// what the options are made of.
type Settings struct {
	Options
	Bucket       string        // of the control plane
	Region       string        // of AWS; empty: the environment's or the profile's
	Endpoint     string        // of AWS; empty: as environment and profile say
	FetchTimeout time.Duration // of one download
	Agent        string        // address of ECS's container agent, which names the task where nobody does

	DataAddress, ControlAddress, HTTPAddress string // to listen on
	Host                                     string // of addresses that name none

	ControlFiles, DataFiles identity.Files // credentials and certificates of the two ports

	ControlOpen bool // the control port is for everybody who reaches it, beyond this machine too
}

// Check returns an error that names the flag to mend.
func (s Settings) Check() error {
	switch {
	case s.Fleet == "":
		return errors.New("no fleet is named; set --fleet or SLUICE_FLEET")
	case s.Bucket == "":
		return errors.New("no bucket is named; set --bucket or SLUICE_BUCKET")
	case s.Name == "" && s.Agent == "":
		return errors.New("this is no ECS task, so it has no name; set --task or SLUICE_TASK")
	case s.ControlFiles.Cert != "" && s.ControlFiles.CA == "" && s.ControlFiles.Token == "":
		return errors.New("--control-cert alone lets everybody in; set --control-ca or --control-token-file")
	case s.DataFiles.Cert == "" != (s.DataFiles.Key == ""):
		return errors.New("--cert and --key belong together")
	case s.FetchTimeout <= 0:
		return errors.New("--fetch-timeout must be more than zero")
	}
	if err := errors.Join(amazon.CheckBucket(s.Bucket), s.checkLimits()); err != nil {
		return err
	}
	return s.checkControl()
}

// checkControl keeps the control port from being open by mistake.
func (s Settings) checkControl() error {
	known := s.ControlFiles.CA != "" || s.ControlFiles.Token != ""
	address := at(s.ControlAddress, s.Host)
	switch {
	case s.ControlOpen && known:
		return errors.New("--control-open and --control-token-file or --control-ca contradict each other: keep one")
	case !s.ControlOpen && !known && !identity.OnLoopback(address):
		return fmt.Errorf("--control-listen %s is reached from other machines, and nobody would be asked who they are: set --control-token-file, or --control-cert, --control-key and --control-ca; or say --control-open (SLUICE_CONTROL_OPEN=true), by which whoever reaches it can choose the model of this task", address)
	}
	return nil
}

// Run opens the bucket, the credentials and the ports, and runs one task until
// ctx ends.
func Run(ctx context.Context, s Settings) (err error) {
	if err := s.Check(); err != nil {
		return err
	}
	if s.Name == "" {
		told, err := askAgent(ctx, s.Agent)
		if err != nil {
			return err
		}
		s.Name, s.Zone = told.TaskARN, told.AvailabilityZone
	}
	bucket, err := OpenBucket(ctx, s.Bucket, s.Region, s.Endpoint, s.FetchTimeout)
	if err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "releases come from", "endpoint", bucket.At.URL, "named_by", bucket.At.From, "region", bucket.Region)
	s.Fetch = bucket
	s.MemoryBytes = cmp.Or(s.MemoryBytes, containerLimitBytes())
	TuneCollector(s.MemoryBytes)
	if s.Control, err = identity.Open(s.ControlFiles, s.Log); err != nil {
		return fmt.Errorf("read the control port's credentials (--control-token-file, --control-cert, --control-key, --control-ca): %w", err)
	}
	if s.Data, err = identity.Open(s.DataFiles, s.Log); err != nil {
		return fmt.Errorf("read the data port's certificate (--cert, --key): %w", err)
	}
	if s.Control == nil {
		s.Log.WarnContext(ctx, "whoever reaches the control port may choose this task's model (--control-token-file, --control-ca)", "address", at(s.ControlAddress, s.Host))
	}
	task, err := New(s.Options)
	if err != nil {
		return err
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.Log.InfoContext(ctx, "task listens", "fleet", s.Fleet, "task", s.Name, "zone", s.Zone,
		"data", l.Data.Addr().String(), "control", l.Control.Addr().String(), "http", l.HTTP.Addr().String())
	return task.Run(ctx, l)
}

// collectorPercent lets the heap grow to five times what lives. Only preparing
// a release allocates much, and a collection in the middle of it would take a
// processor from the auctions; what it leaves behind is given back later.
const collectorPercent = 400

// TuneCollector makes this process collect garbage as one that serves auctions
// should: seldom, unless it comes near memoryBytes; 0 for no limit. What the
// variables GOGC and GOMEMLIMIT say is left alone.
func TuneCollector(memoryBytes int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if memoryBytes > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes / 10 * 9) // collect harder before the kernel ends us
	}
}

// listen opens the three ports, or none.
func (s Settings) listen(ctx context.Context) (Listeners, error) {
	config := net.ListenConfig{KeepAlive: tcpKeepAlive}
	var open []net.Listener
	for _, p := range []struct{ flag, address string }{
		{"listen", s.DataAddress}, {"control-listen", s.ControlAddress}, {"http-listen", s.HTTPAddress},
	} {
		l, err := config.Listen(ctx, "tcp", at(p.address, s.Host))
		if err != nil {
			for _, other := range open {
				_ = other.Close() // it was never used
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				err = errors.New("the port is in use")
			}
			return Listeners{}, fmt.Errorf("listen on %s: %w: choose another with --%s", at(p.address, s.Host), err, p.flag)
		}
		open = append(open, l)
	}
	return Listeners{Data: open[0], Control: open[1], HTTP: open[2]}, nil
}

// HealthAddress is where the task of these settings answers /healthz.
func (s Settings) HealthAddress() string { return at(s.HTTPAddress, s.Host) }

// at puts host in front of an address that names none.
func at(address, host string) string {
	if h, port, err := net.SplitHostPort(address); err == nil && h == "" {
		return net.JoinHostPort(host, port)
	}
	return address
}
