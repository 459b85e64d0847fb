package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"
	_ "time/tzdata" // zones of freezes, on machines that have none

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/notify"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/scrape"
	"github.com/sluicehq/sluice/web"
)

// controllerFlags are those of `sluice controller`.
type controllerFlags struct {
	fleets, bucket, region, endpoint, listen, name string
	hosts, proxies                                 []string
	leaseTTL, fleetsEvery                          time.Duration
	health                                         bool
	ecsShare                                       float64
	control                                        identity.Files
	door                                           doorFlags
}

func controllerCommand() *cobra.Command {
	host, _ := os.Hostname() // a name for people; it may be empty
	var o controllerFlags
	c := &cobra.Command{
		Use:   "controller --bucket BUCKET",
		Short: "Watch for models and roll them out; serve the API and the dashboard",
		Long: "Any number may run: one leads, all answer. Credentials are found as by every AWS program.\n" +
			"docs/operating.md tells what rights it needs, docs/fleet.md what a fleet file says.\n" +
			"Wherever a flag names a file with a secret, env:NAME is what that variable holds instead, and\n" +
			"env:NAME:KEY one key of the JSON object in it.",
		Example: "  sluice controller --bucket sluice --fleets local/demo/fleet.yaml --listen 127.0.0.1:0",
		Args:    takes(0),
		PreRunE: func(*cobra.Command, []string) error {
			if o.health {
				return nil
			}
			return o.check()
		},
		RunE: func(c *cobra.Command, _ []string) error {
			if o.health {
				return askHealth(c.Context(), o.listen)
			}
			return o.run(c.Context(), c.OutOrStdout())
		},
	}
	f := c.Flags()
	f.StringVar(&o.fleets, "fleets", "fleets", fleetPlaces+"; read again when they change")
	f.DurationVar(&o.fleetsEvery, "fleets-every", 30*time.Second, "`time` between two looks at fleet files at least; twice that at most")
	f.StringVar(&o.bucket, "bucket", os.Getenv("SLUICE_BUCKET"), "S3 `bucket` that keeps releases and fleet documents (SLUICE_BUCKET)")
	f.StringVar(&o.region, "region", "", "AWS `region`; as for every AWS program where it is left out")
	f.StringVar(&o.endpoint, "endpoint", "", "base `address` of AWS, before all that environment and profile say; as for every AWS program where it is left out")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "`address` of the API and the dashboard")
	f.StringArrayVar(&o.hosts, "host", nil, "`name` under which the dashboard is reached besides localhost and plain addresses; may be repeated")
	f.StringArrayVar(&o.proxies, "proxy", nil, "`network` where reverse proxies stand, such as 10.0.0.0/28: whom they name in X-Forwarded-For is the client; may be repeated")
	f.StringVar(&o.name, "name", fmt.Sprintf("%s-%d", host, os.Getpid()), "`name` of this controller, shown as the leader's")
	f.StringVar(&o.control.Token, "control-token-file", "", "`file` whose first line is the token sent to tasks; read again when it changes")
	f.StringVar(&o.control.Cert, "control-cert", "", "`file` of the certificate shown to tasks, in PEM; read again when it changes")
	f.StringVar(&o.control.Key, "control-key", "", "`file` of its key")
	f.StringVar(&o.control.CA, "control-ca", "", "`file` of the CA whose certificates tasks must show")
	o.door.flags(f)
	f.BoolVar(&o.health, "health", false, "only ask the controller that runs here on --listen whether it is well; status 1 where it is not")
	f.Float64Var(&o.ecsShare, "ecs-share", 0.5, "`share` of the account's quotas for calls of ECS that this controller takes at most")
	f.DurationVar(&o.leaseTTL, "lease", 15*time.Second, "`time` after which a silent leader is replaced")
	return c
}

func (c *controllerFlags) check() error {
	switch {
	case c.bucket == "":
		return wrongUsage("no bucket: name the one that keeps releases and fleet documents with --bucket")
	case c.door.url != "" && !isPage(c.door.url):
		return wrongUsage("--url is %q: want an address such as https://sluice.internal", c.door.url)
	case c.control.Cert != "" && c.control.CA == "":
		return wrongUsage("--control-cert needs --control-ca, by which tasks are known")
	case c.leaseTTL < time.Second || c.leaseTTL > controller.MaxTTL:
		return wrongUsage("--lease is %v: want a second to %v", c.leaseTTL, controller.MaxTTL)
	case c.fleetsEvery < time.Second || c.fleetsEvery > time.Hour:
		return wrongUsage("--fleets-every is %v: want a second to an hour", c.fleetsEvery)
	case !(c.ecsShare >= 0.01 && c.ecsShare <= 1):
		return wrongUsage("--ecs-share is %v: want 0.01 to 1", c.ecsShare)
	}
	if err := amazon.CheckBucket(c.bucket); err != nil {
		return usageError{err}
	}
	_, err := c.proxyNetworks()
	if err != nil {
		return err
	}
	return c.door.check(c.listen)
}

// isPage reports whether a text is the address of a page.
func isPage(text string) bool {
	u, err := url.Parse(text)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != "" && u.RawQuery == "" && u.Fragment == ""
}

func (c *controllerFlags) proxyNetworks() (networks []netip.Prefix, err error) {
	for _, text := range c.proxies {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, wrongUsage("--proxy is %q: want a network such as 10.0.0.0/28, or 10.0.0.7/32 for one address", text)
		}
		networks = append(networks, network)
	}
	return networks, nil
}

// run is the loop, the API and the dashboard in one process.
func (c *controllerFlags) run(ctx context.Context, out io.Writer) error {
	log := slog.New(slog.NewTextHandler(out, nil))
	known, err := identity.Open(c.control, log)
	if err != nil {
		return fmt.Errorf("read the credentials for tasks (--control-token-file, --control-cert, --control-key, --control-ca): %w", err)
	}
	metrics := controller.NewMetrics(built().Version)
	metrics.Watch(known)
	client, err := c.account(ctx, metrics)
	if err != nil {
		return err
	}
	files, err := fleetFiles(c.fleets, func() (*aws.Client, error) { return client, nil })
	if err != nil {
		return err
	}
	follower := &controller.Follower{Files: files, Every: c.fleetsEvery, Log: log, Metrics: metrics}
	fleets, err := follower.Begin(ctx)
	if err != nil {
		return err
	}
	signIn, err := c.door.signIn(log)
	if err != nil {
		return err
	}
	control := fleet.New(fleet.Options{Credentials: known})
	defer control.Close()
	crew := crew{flags: c, client: client, control: control, known: signIn != nil, refused: follower.Refused, log: log, metrics: metrics}
	loops, err := crew.loops(ctx, fleets)
	if err != nil {
		return err
	}
	if err := c.tellWhere(ctx, client.Account(), log); err != nil {
		return err
	}
	documents := client.Documents(c.bucket)
	if err := documents.Check(ctx); err != nil {
		return err
	}
	listener, err := c.bind(ctx)
	if err != nil {
		return err
	}
	now, instead := &running{}, make(chan []*controller.Reconciler)
	now.set(loops)
	follower.Take = func(ctx context.Context, fleets []controller.Fleet) error {
		loops, err := crew.loops(ctx, fleets)
		if err != nil {
			return err
		}
		select {
		case instead <- loops:
			now.set(loops)
		case <-ctx.Done():
		}
		return ctx.Err()
	}
	leader := &controller.Controller{
		Elector: controller.Elector{Documents: documents, Name: c.name, TTL: c.leaseTTL}, Fleets: loops, Instead: instead, Log: log, Metrics: metrics,
	}
	store := awake{Store: controller.Store{Documents: documents, Declared: now.names}, running: now}
	proxies, err := c.proxyNetworks()
	if err != nil {
		return err
	}
	handler := api.New(store, web.Files(), log, api.Options{
		Hosts: c.hosts, Proxies: proxies, Policy: store.policy, Calendar: store.calendar, Artifact: client.Artifacts().Check, SignIn: signIn, Ops: ops(leader, metrics),
	})
	if signIn == nil {
		log.WarnContext(ctx, "there is no sign-in: whoever reaches this controller may do everything, under any name (--people)")
	}
	log.InfoContext(ctx, "serving", "dashboard", "http://"+listener.Addr().String(), "fleets", len(fleets))
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return leader.Run(ctx) })
	g.Go(func() error { follower.Run(ctx); return nil })
	g.Go(func() error { return api.Serve(ctx, listener, handler) })
	return g.Wait()
}

// account is the AWS that the controller speaks to, whose calls are counted.
func (c *controllerFlags) account(ctx context.Context, metrics *controller.Metrics) (*aws.Client, error) {
	client, err := aws.Open(ctx, aws.Options{
		Region: c.region, Endpoint: c.endpoint,
		MaxBackoff: time.Second, // the loop comes again by itself
		ECSShare:   c.ecsShare,
		Called: func(call aws.Call) {
			metrics.Called(call.Service, call.Operation, string(call.Result), call.Attempts, call.Took)
		},
	})
	if err != nil {
		return nil, err
	}
	metrics.WatchQuotas(func() (all []controller.Quota) {
		for _, q := range client.Quotas() {
			all = append(all, controller.Quota(q))
		}
		return all
	})
	return client, nil
}

// bind takes the address of the API and the dashboard.
func (c *controllerFlags) bind(ctx context.Context) (net.Listener, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", c.listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		err = errors.New("the port is in use")
	}
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: choose another address with --listen", c.listen, err)
	}
	return listener, nil
}

// crew makes what looks after fleets, at the start and whenever fleet files
// change.
type crew struct {
	flags   *controllerFlags
	client  *aws.Client
	control *fleet.Control
	known   bool         // people sign in
	refused func() error // why the fleet files are not in force as they are now
	log     *slog.Logger
	metrics *controller.Metrics
}

// loops are those of all fleets, or none where one of them cannot be looked
// after here.
func (c crew) loops(ctx context.Context, fleets []controller.Fleet) (all []*controller.Reconciler, err error) {
	for _, f := range fleets {
		if !c.known && f.Policies.SecondPerson() {
			return nil, wrongUsage("fleet %s wants a second person (second_person), and nobody would be asked who they are: name a file of --people", f.Name)
		}
		if err := c.within(f); err != nil {
			return nil, err
		}
		loop, err := c.loop(ctx, f)
		if err != nil {
			return nil, err
		}
		all = append(all, loop)
	}
	return all, nil
}

// within refuses a fleet of another region.
func (c crew) within(f controller.Fleet) error {
	account := c.client.Account()
	if in := f.ECS.Region(); in != "" && in != account.Config.Region {
		return fmt.Errorf("fleet %s: its ECS service is in region %s, and this controller speaks to %s (%s): set --region, or give fleets of another region a controller there",
			f.Name, in, account.Config.Region, account.RegionFrom)
	}
	return nil
}

// loop is what looks after one fleet.
func (c crew) loop(ctx context.Context, f controller.Fleet) (*controller.Reconciler, error) {
	tasks := c.client.Tasks(aws.TasksOptions{
		Cluster: f.ECS.Cluster, Service: f.ECS.Service, ControlPort: f.ECS.ControlPort, Container: f.ECS.Container,
		Every: f.LookEvery,
		Unknown: func(why error) {
			c.log.WarnContext(ctx, "instance types of tasks are not known: tasks are matched by all else", "fleet", f.Name, "err", why)
		},
		Unstaged: func(why error) {
			c.log.WarnContext(ctx, "how far a deployment has shifted traffic is not known: all of its tasks count", "fleet", f.Name, "err", why)
		},
	})
	ports := controller.Ports{
		Documents: c.client.Documents(c.flags.bucket), Artifacts: c.client.Artifacts(), Jobs: c.client.Jobs(), Tasks: tasks, Control: c.control, Deployments: tasks,
	}
	loop := controller.NewReconciler(f, ports, c.flags.name, c.log)
	loop.Public, loop.Refused, loop.Metrics = strings.TrimSuffix(c.flags.door.url, "/"), c.refused, c.metrics
	var err error
	if loop.Receivers, err = notify.Open(f.Notify); err != nil {
		return nil, fmt.Errorf("fleet %s: %w", f.Name, err)
	}
	return loop, nil
}

// tellWhere says which AWS this is, and by which setting.
func (c *controllerFlags) tellWhere(ctx context.Context, account *amazon.Account, log *slog.Logger) error {
	bucket, err := account.Store(ctx, c.bucket)
	if err != nil {
		return err
	}
	log.InfoContext(ctx, "documents are in", "endpoint", bucket.URL, "named_by", bucket.From, "region", account.Config.Region, "region_named_by", account.RegionFrom)
	for _, service := range []string{amazon.ECS, amazon.SageMaker} {
		if at := account.Endpoint(service); at.URL != "" {
			log.InfoContext(ctx, "service is at an address of its own", "service", service, "endpoint", at.URL, "named_by", at.From)
		}
	}
	return nil
}

// ops is what orchestrators and Prometheus may ask of a controller.
func ops(c *controller.Controller, m *controller.Metrics) *api.Ops {
	return &api.Ops{
		Metrics: scrape.Handler(m.Registry()),
		Healthy: func() error { return c.Healthy(time.Now()) },
		Ready: func() (api.Leadership, error) {
			epoch := c.Standing().Epoch
			return api.Leadership{Leading: epoch != 0, Epoch: epoch}, c.Ready(time.Now())
		},
		Version: built(),
	}
}
