// Package local is AWS on this machine: S3, ECS and SageMaker on one port, with
// the logs of training jobs and who one is, durable in one folder, for the real
// SDK, awscli and boto3. Tasks are real processes.
//
// It does not imitate what Sluice does not use, it keeps no accounts, and it
// listens on loopback only: the one pair of credentials is a check of the
// callers' signing, not a defence.
package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"go.etcd.io/bbolt"
	bbolterrors "go.etcd.io/bbolt/errors"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/local/ecs"
	"github.com/sluicehq/sluice/local/s3"
	"github.com/sluicehq/sluice/local/sagemaker"
)

// Config says where to keep state and whom to answer. Only Dir is required.
type Config struct {
	Dir string
	// Listen is the loopback address, default 127.0.0.1:4566; port 0 takes a
	// free one. Listener, if set, is used instead.
	Listen   string
	Listener net.Listener
	// AccessKey and SecretKey are what callers sign with; test and testtest
	// by default. Region is us-east-1 by default.
	AccessKey, SecretKey, Region string
	// TaskNetwork gives awsvpc tasks their addresses; default 127.77.0.0/16.
	TaskNetwork netip.Prefix
	// SilentHosts leaves it to EC2 to tell where container instances are.
	SilentHosts bool
	// Zones is how many availability zones there are, 1 to 6; default 1.
	Zones int
	// Python runs training scripts; default python3.
	Python string
	// StopLimit is how long tasks may take to end when the server does;
	// default 10 s.
	StopLimit time.Duration
	// NoSync leaves it to the system when what was acknowledged reaches the
	// disk: a crash of this process loses nothing, one of the machine may.
	NoSync bool
	// S3, if set, is the address of another server that keeps the objects in
	// place of this one, by the same credentials and region.
	S3 string
	// Faults, if set, is asked about every request.
	Faults Faults
	// Log may be nil.
	Log *slog.Logger
}

// account is the AWS account that everything belongs to.
const account = "000000000000"

func (c Config) withDefaults() Config {
	set := func(v *string, otherwise string) {
		if *v == "" {
			*v = otherwise
		}
	}
	set(&c.Listen, "127.0.0.1:4566")
	set(&c.AccessKey, "test")
	set(&c.SecretKey, "testtest")
	set(&c.Region, "us-east-1")
	set(&c.Python, "python3")
	if c.Zones == 0 {
		c.Zones = 1
	}
	if c.StopLimit == 0 {
		c.StopLimit = 10 * time.Second
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	return c
}

// Server is AWS on this machine, running.
type Server struct {
	url  string
	base context.Context // of everything that outlives Start
	db   *bbolt.DB
	http *http.Server
	// Each part has its own end, since they end in order.
	stopECS, stopSageMaker context.CancelFunc
	ecs, sagemaker, front  errgroup.Group
	failed                 chan struct{} // closed when the front door fails
}

// Start answers requests when it returns. ctx counts until then only: Close
// ends the server.
func Start(ctx context.Context, c Config) (*Server, error) {
	c = c.withDefaults()
	db, err := openState(c.Dir)
	if err != nil {
		return nil, err
	}
	db.NoSync = c.NoSync
	if c.Dir, err = filepath.Abs(c.Dir); err != nil { // tasks and scripts run elsewhere
		return nil, errors.Join(err, db.Close())
	}
	listener, err := listen(ctx, c)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	s := &Server{url: "http://" + listener.Addr().String(), base: context.WithoutCancel(ctx), db: db, failed: make(chan struct{})}
	if err := s.serve(s.base, c, listener); err != nil {
		return nil, errors.Join(err, listener.Close(), db.Close())
	}
	return s, nil
}

// serve opens the three services and starts what runs in the background.
func (s *Server) serve(ctx context.Context, c Config, listener net.Listener) error {
	objects, front, err := s.openS3(c)
	if err != nil {
		return err
	}
	tasks, err := ecs.Open(ecs.Config{
		Dir: c.Dir, DB: s.db, Region: c.Region, Account: account, Endpoint: s.url,
		AccessKey: c.AccessKey, SecretKey: c.SecretKey, Network: c.TaskNetwork, SilentHosts: c.SilentHosts, Zones: ecs.Zones(c.Region, c.Zones), StopLimit: c.StopLimit, Log: c.Log,
	})
	if err != nil {
		return err
	}
	jobs, err := sagemaker.Open(sagemaker.Config{
		Dir: c.Dir, DB: s.db, Objects: objects, Region: c.Region, Account: account, Python: c.Python, Log: c.Log,
	})
	if err != nil {
		return err
	}
	door := &door{
		auth: credentials{c.AccessKey, c.SecretKey}, s3: front,
		json: []jsonService{tasks.Handler(), jobs.Handler(), jobs.Logs()}, metadata: tasks.ServeMetadata, ec2: tasks.ServeEC2, query: tasks.Query,
	}
	s.http = &http.Server{
		Handler: c.Faults.wrap(door), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(c.Log.Handler(), slog.LevelDebug),
	}
	var ecsCtx, smCtx context.Context
	ecsCtx, s.stopECS = context.WithCancel(ctx)
	smCtx, s.stopSageMaker = context.WithCancel(ctx)
	s.ecs.Go(func() error { return tasks.Run(ecsCtx) })
	s.sagemaker.Go(func() error { return jobs.Run(smCtx) })
	s.front.Go(func() error {
		defer close(s.failed)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			return fmt.Errorf("serve: %w", err)
		}
		return nil
	})
	return nil
}

// openS3 opens our S3, or goes to another.
func (s *Server) openS3(c Config) (sagemaker.Objects, http.Handler, error) {
	if c.S3 != "" {
		other, err := openElsewhere(c)
		return other, other, err
	}
	store, err := s3.Open(s3.Config{Dir: filepath.Join(c.Dir, "s3"), DB: s.db, Region: c.Region, Account: account, NoSync: c.NoSync})
	if err != nil {
		return nil, nil, err
	}
	return store, signedS3{credentials{c.AccessKey, c.SecretKey}, c.Region, store.Handler(c.Log)}, nil
}

// URL is the endpoint to give to SDKs.
func (s *Server) URL() string { return s.url }

// Close stops the tasks, then the front door, then the jobs, and gives the
// folder free. It takes little longer than Config.StopLimit at worst.
func (s *Server) Close() error {
	s.stopECS()
	err := s.ecs.Wait()
	ctx, cancel := context.WithTimeout(s.base, 5*time.Second)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		err = errors.Join(err, s.http.Close()) // callers that do not finish are cut off
	}
	s.stopSageMaker()
	return errors.Join(err, s.front.Wait(), s.sagemaker.Wait(), s.db.Close())
}

// Run serves until ctx ends, then stops in order.
func Run(ctx context.Context, c Config) error {
	s, err := Start(ctx, c)
	if err != nil {
		return err
	}
	c.withDefaults().Log.InfoContext(ctx, "local AWS is up", "url", s.URL(), "dir", c.Dir)
	select {
	case <-ctx.Done():
	case <-s.failed:
	}
	return s.Close()
}

// openState takes the folder for this process alone.
func openState(dir string) (*bbolt.DB, error) {
	if dir == "" {
		return nil, errors.New("no folder for the state: name one with --dir")
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("create the state folder: %w; choose another with --dir", err)
	}
	db, err := bbolt.Open(filepath.Join(dir, "state.db"), 0o600, &bbolt.Options{Timeout: time.Second})
	switch {
	case errors.Is(err, bbolterrors.ErrTimeout):
		return nil, fmt.Errorf("open %s: another server uses this folder; stop it or choose another with --dir", dir)
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("open %s: %w; make the folder writable or choose another with --dir", dir, err)
	case err != nil:
		return nil, fmt.Errorf("open %s: %w", dir, err)
	}
	return db, nil
}

func listen(ctx context.Context, c Config) (net.Listener, error) {
	if c.Listener != nil {
		return c.Listener, nil
	}
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("listen on %q: %w; give --listen as 127.0.0.1:PORT", c.Listen, err)
	}
	if ip, err := netip.ParseAddr(host); host != "localhost" && (err != nil || !ip.IsLoopback()) {
		return nil, fmt.Errorf("listen on %s: local AWS runs what callers say, so it listens on loopback only; give --listen as 127.0.0.1:PORT", c.Listen)
	}
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("listen on %s: the port is in use; stop who uses it or choose another with --listen", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", c.Listen, err)
	}
	return l, nil
}
