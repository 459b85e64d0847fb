// Package demo plays a day of training jobs on this machine: AWS, a fleet of
// tasks, an NLB, auctions, and a controller that lets the good models through
// and the others not. Everything is a process of its own, as it would be in
// the cloud; the demo only starts them, lets jobs complete, kills what chaos
// wants killed, and watches the controller's documents.
package demo

import (
	"context"
	_ "embed" // of the fleet file
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/identity"
)

// Options say how to play.
type Options struct {
	Once        bool     // play to the end, and fail if anything is not as it must be
	JSON        bool     // with Once: print what became of every job as JSON
	Chaos       bool     // kill a canary task once and the controller twice; always with Once
	Scenes      []string // of the day, those to play after the first model; empty: all
	Listen      string   // address of the API and the page; empty: 127.0.0.1:8080, or another port if that is taken
	Dir         string   // of everything that is kept; empty: a temporary one
	Rate        float64
	Connections int
	Tasks       int
}

//go:embed fleet.yaml
var fleetFile string

// onceTimeout bounds a demo that plays to its end.
const onceTimeout = 6 * time.Minute

// fleet is the name of the fleet in the demo, canaryOnly that of its policy
// without a shadow phase.
const (
	fleet      = "demo"
	canaryOnly = "canary-only"
)

// stage is everything that runs on this machine for the demo.
type stage struct {
	Options
	program string // path of this very program
	out     io.Writer
	cloud   *cloud
	began   time.Time

	local, nlb, controller *process
	auctions               []*process // one of each zone's clients
	controllers            int        // started so far
	watcher                *watcher
	endpoint               string
	aws, target, page      string    // addresses
	nodes                  [2]string // of the load balancer, by zone
}

// zone is one that tasks lie in, with clients of its own kind.
type zone struct{ name, audience string }

func zones() [2]zone { return [...]zone{{"us-east-1a", "apps"}, {"us-east-1b", "sites"}} }

// Run plays the demo until its end, or until ctx ends.
func Run(ctx context.Context, o Options, out io.Writer) (err error) {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find this program: %w", err)
	}
	if o.Dir == "" {
		if o.Dir, err = os.MkdirTemp("", "sluice-demo-"); err != nil {
			return fmt.Errorf("make a folder for the demo: %w", err)
		}
		defer func() { err = errors.Join(err, tidy(o.Dir, err)) }()
	} else if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return fmt.Errorf("make the folder of --dir: %w", err)
	}
	o.Chaos = o.Chaos || o.Once
	s := &stage{Options: o, program: program, out: out, began: time.Now()}
	defer func() { err = errors.Join(err, s.end()) }()
	if o.Once {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, onceTimeout, fmt.Errorf("the demo did not end within %v", onceTimeout))
		defer cancel()
	}
	if err := s.set(ctx); err != nil {
		return s.explain(ctx, err)
	}
	played, err := s.play(ctx)
	if err != nil {
		return s.explain(ctx, err)
	}
	if !o.Once {
		s.say("All jobs have ended. Auctions go on; Ctrl-C ends the demo.")
		<-ctx.Done()
		return nil
	}
	return s.sumUp(played)
}

// tidy removes the folder of a demo that went well, and keeps the logs of one
// that did not.
func tidy(dir string, failed error) error {
	if failed == nil {
		return os.RemoveAll(dir)
	}
	return fmt.Errorf("logs of all processes are kept in %s", dir)
}

// explain turns what a cancelled context makes of errors into what happened.
func (s *stage) explain(ctx context.Context, err error) error {
	switch {
	case ctx.Err() == nil:
		return err
	case errors.Is(context.Cause(ctx), context.Canceled):
		return nil // Ctrl-C
	}
	return errors.Join(context.Cause(ctx), err)
}

// say prints a line for the watcher; with --json, standard output is kept for
// the summary.
func (s *stage) say(format string, args ...any) {
	out := s.out
	if s.JSON {
		out = os.Stderr
	}
	fmt.Fprintf(out, "%6.1fs  %s\n", time.Since(s.began).Seconds(), fmt.Sprintf(format, args...))
}

// set puts everything on the stage but the auctions.
func (s *stage) set(ctx context.Context) (err error) {
	if err := s.reserve(ctx); err != nil {
		return err
	}
	s.endpoint = "http://" + s.aws
	if s.local, err = s.start("local", "local", "--dir", filepath.Join(s.Dir, "aws"), "--listen", s.aws, "--zones", fmt.Sprint(len(s.nodes)), "--stop-limit", "8s"); err != nil {
		return err
	}
	if s.cloud, err = openCloud(ctx, s.endpoint); err != nil {
		return err
	}
	if err := s.cloud.set(ctx, s); err != nil {
		return err
	}
	if s.nlb, err = s.start("nlb", "nlb", "--endpoint", s.endpoint, "--listen", s.target, "--cluster", cluster, "--service", service,
		"--node", zones()[0].name+"="+s.nodes[0], "--node", zones()[1].name+"="+s.nodes[1]); err != nil {
		return err
	}
	if err := os.WriteFile(s.fleetFile(), []byte(fleetFile), 0o644); err != nil {
		return fmt.Errorf("write the fleet file: %w", err)
	}
	if err := s.startController(); err != nil {
		return err
	}
	if err := s.controller.answers(ctx, s.page); err != nil { // what is said of it is true at once
		return err
	}
	s.say("The page is at http://%s, auctions go to %s, logs are in %s", s.page, s.target, s.Dir)
	s.say("S3 is at %s: training jobs leave their models in s3://%s, releases are kept in s3://%s", s.endpoint, training, bucket)
	s.say("Elsewhere: export SLUICE_API=http://%s AWS_ENDPOINT_URL=%s AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=testtest AWS_REGION=us-east-1", s.page, s.endpoint)
	s.say("Try a model of your own, as deploy/sagemaker/README.md trains one:\n%s", s.lines())
	return nil
}

// lines are what whoever has a model types to have it tried here.
func (s *stage) lines() string {
	const key = training + "/models/mine/output/model.tar.gz"
	return fmt.Sprintf("    export SLUICE_API=http://%s\n"+
		"    curl -fsS --aws-sigv4 aws:amz:us-east-1:s3 --user test:testtest -H 'x-amz-content-sha256: UNSIGNED-PAYLOAD' -T model.tar.gz %s/%s\n"+
		"    %s try s3://%s --why 'my first model' --wait", s.page, s.endpoint, key, os.Args[0], key)
}

func (s *stage) fleetFile() string { return filepath.Join(s.Dir, "fleet.yaml") }

// startController starts a controller, the first or the one that follows a
// killed one.
func (s *stage) startController() (err error) {
	s.controllers++
	args := []string{
		"controller", "--fleets", s.fleetFile(), "--bucket", bucket, "--endpoint", s.endpoint, "--listen", s.page,
		"--lease", "2s", "--name", fmt.Sprintf("controller-%d", s.controllers),
	}
	if !identity.OnLoopback(s.page) { // whoever says so shows a demo
		args = append(args, "--without-sign-in")
	}
	s.controller, err = s.start(fmt.Sprintf("controller-%d", s.controllers), args...)
	return err
}

// startAuctions opens the tap: half of the auctions to each zone, from apps in
// the one and from sites in the other.
func (s *stage) startAuctions() error {
	all := zones()
	for i, zone := range all {
		p, err := s.start("auctions-"+zone.name, "auction", "--target", s.nodes[i], "--rate", fmt.Sprint(s.Rate/float64(len(all))),
			"--connections", fmt.Sprint(max(1, s.Connections/len(all))), "--audience", zone.audience, "--seed", "1",
			"--tmax", "2s", "--connection-age", "20s", "--first", fmt.Sprint(10_000_000*(i+1)), "--json")
		if err != nil {
			return err
		}
		s.auctions = append(s.auctions, p)
	}
	return nil
}

// end stops everything, in reverse order of starting.
func (s *stage) end() error {
	var errs []error
	for _, p := range append(s.auctions, s.controller, s.nlb, s.local) {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	return errors.Join(errs...)
}

// The addresses that the demo takes where nobody else has them, so that what
// the documentation shows works as it stands.
const (
	usualAWS      = "127.0.0.1:4566"
	usualAuctions = "127.0.0.1:9090"
	usualPage     = "127.0.0.1:8080"
)

// reserve settles who listens where: the page as asked, all else where usual,
// or on another port where that one is taken.
func (s *stage) reserve(ctx context.Context) error {
	var held []net.Listener // until all are found, so that none is given twice
	defer func() {
		for _, l := range held {
			_ = l.Close() // nobody has connected
		}
	}()
	listen := func(address string) (string, error) {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
		if err != nil {
			return "", err
		}
		held = append(held, l)
		return l.Addr().String(), nil
	}
	if s.Listen != "" {
		page, err := listen(s.Listen)
		if errors.Is(err, syscall.EADDRINUSE) {
			err = errors.New("the port is in use")
		}
		if err != nil {
			return fmt.Errorf("serve the page at %s: %w: choose another address with --listen", s.Listen, err)
		}
		s.page = page
	}
	for i := range s.nodes {
		var err error
		if s.nodes[i], err = listen("127.0.0.1:0"); err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
	}
	for usual, to := range map[string]*string{usualAWS: &s.aws, usualAuctions: &s.target, usualPage: &s.page} {
		if *to != "" {
			continue
		}
		var err error
		if *to, err = listen(usual); err != nil {
			*to, err = listen("127.0.0.1:0")
		}
		if err != nil {
			return fmt.Errorf("find a free port: %w", err)
		}
	}
	return nil
}
