package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/doctor"
	"github.com/sluicehq/sluice/controller/fleet"
	"github.com/sluicehq/sluice/controller/judge"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/identity"
	"github.com/sluicehq/sluice/inference"
)

// doctorFlags are those of `sluice doctor`.
type doctorFlags struct {
	file, bucket, region, endpoint string
	share                          float64
	control                        identity.Files
	output                         output
	all                            bool
}

func doctorCommand() *cobra.Command {
	var o doctorFlags
	c := &cobra.Command{
		Use:   "doctor --fleet-file FILE --bucket BUCKET",
		Short: "Say what would go wrong with a fleet on AWS, before anybody relies on it",
		Long: "It asks AWS and the tasks as a controller would, with the credentials that it finds: run it where\n" +
			"controllers run and with their role, and it tries their rights, too. Nothing of the fleet's changes: it\n" +
			"writes and deletes one key that nobody reads, and asks to protect a task that does not exist. What it\n" +
			"could not try it says. The status is 1 where anything is wrong.",
		Example: "  sluice doctor --fleet-file local/demo/fleet.yaml --bucket sluice",
		Args:    takes(0),
		PreRunE: func(*cobra.Command, []string) error { return o.check() },
		RunE:    func(c *cobra.Command, _ []string) error { return o.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr()) },
	}
	f := c.Flags()
	f.StringVar(&o.file, "fleet-file", "", "`file` of the fleet, as controllers read it: here, in S3 (s3://BUCKET/KEY), or env:NAME")
	f.StringVar(&o.bucket, "bucket", os.Getenv("SLUICE_BUCKET"), "S3 `bucket` that keeps releases and fleet documents (SLUICE_BUCKET)")
	f.StringVar(&o.region, "region", "", "AWS `region`; as for every AWS program where it is left out")
	f.StringVar(&o.endpoint, "endpoint", "", "base `address` of AWS, before all that environment and profile say; as for every AWS program where it is left out")
	f.StringVar(&o.control.Token, "control-token-file", "", "`file` whose first line is the token sent to tasks")
	f.StringVar(&o.control.Cert, "control-cert", "", "`file` of the certificate shown to tasks, in PEM")
	f.StringVar(&o.control.Key, "control-key", "", "`file` of its key")
	f.StringVar(&o.control.CA, "control-ca", "", "`file` of the CA whose certificates tasks must show")
	f.Float64Var(&o.share, "ecs-share", 0.5, "`share` of the account's quotas for calls of ECS that a controller takes, as it is told")
	f.BoolVar(&o.all, "all", false, "tell what is well, too")
	o.output.formats(c)
	return c
}

func (o *doctorFlags) check() error {
	switch {
	case o.file == "":
		return wrongUsage("no fleet file: name it with --fleet-file")
	case o.bucket == "":
		return wrongUsage("no bucket: name the one that keeps releases and fleet documents with --bucket")
	case o.control.Cert != "" && o.control.CA == "":
		return wrongUsage("--control-cert needs --control-ca, by which tasks are known")
	case !(o.share >= 0.01 && o.share <= 1):
		return wrongUsage("--ecs-share is %v: want 0.01 to 1", o.share)
	}
	if err := amazon.CheckBucket(o.bucket); err != nil {
		return usageError{err}
	}
	return nil
}

func (o *doctorFlags) run(ctx context.Context, out, errOut io.Writer) error {
	client, err := aws.Open(ctx, aws.Options{Region: o.region, Endpoint: o.endpoint, Attempts: 2, ECSShare: o.share})
	if err != nil {
		return err
	}
	files, err := fleetFiles(o.file, func() (*aws.Client, error) { return client, nil })
	if err != nil {
		return err
	}
	fleets, err := controller.ReadFleets(ctx, files)
	if err != nil {
		return err
	}
	if len(fleets) != 1 {
		return wrongUsage("--fleet-file %s has %d fleets: name the file of one", o.file, len(fleets))
	}
	known, err := identity.Open(o.control, slog.New(slog.NewTextHandler(errOut, nil)))
	if err != nil {
		return fmt.Errorf("read the credentials for tasks (--control-token-file, --control-cert, --control-key, --control-ca): %w", err)
	}
	facts := o.examine(ctx, client, fleets[0], known)
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return o.tell(out, doctor.Examine(facts))
}

// examine asks AWS, then the tasks.
func (o *doctorFlags) examine(ctx context.Context, client *aws.Client, f controller.Fleet, known *identity.Keeper) doctor.Facts {
	usual := inference.DefaultOptions()
	facts, running := client.Examine(ctx, doctor.Asked{
		Fleet: f.Name, Bucket: o.bucket, ServiceRegion: f.ECS.Region(), Jobs: f.Jobs, LookEvery: f.LookEvery,
		ControlPort: f.ECS.ControlPort, Container: f.ECS.Container, Drain: usual.DrainDelay + usual.DrainTimeout, DrainDelay: usual.DrainDelay,
		Idle: usual.IdleTimeout, HealthPort: healthPort,
	}, aws.TasksOptions{Cluster: f.ECS.Cluster, Service: f.ECS.Service, ControlPort: f.ECS.ControlPort, Container: f.ECS.Container})
	control := fleet.New(fleet.Options{Credentials: known, DialTimeout: dialWithin, Timeout: answerWithin})
	defer control.Close()
	var g errgroup.Group
	g.SetLimit(tasksAtOnce)
	for i, task := range running {
		if task.Address != "" {
			g.Go(func() error { reach(ctx, control, task, &facts.Tasks[i]); return nil })
		}
	}
	_ = g.Wait() // each says for itself
	return facts
}

// What a task gets to answer, and how many are asked at once.
const (
	dialWithin   = 3 * time.Second
	answerWithin = 10 * time.Second
	tasksAtOnce  = 8
)

// reach asks a task how it stands, and notes what is in the way.
func reach(ctx context.Context, control *fleet.Control, task rollout.Task, said *doctor.Task) {
	if _, err := control.Status(ctx, task); err != nil {
		var network *net.OpError
		said.Trouble = err.Error()
		said.Closed = errors.As(err, &network) && network.Op == "dial" || errors.Is(err, context.DeadlineExceeded)
	}
}

func (o *doctorFlags) tell(out io.Writer, findings []doctor.Finding) (err error) {
	n := map[doctor.Severity]int{}
	for _, f := range findings {
		n[f.Severity]++
	}
	told := fmt.Sprintf("%d wrong, %d doubtful, %d untried, %d well", n[doctor.Wrong], n[doctor.Doubtful], n[doctor.Untried], n[doctor.Well])
	if o.output.data() {
		err = o.output.print(out, findings)
	} else {
		err = o.page(out, findings, told)
	}
	if n[doctor.Wrong] > 0 {
		err = errors.Join(err, errors.New(judge.Some(n[doctor.Wrong], "thing")+" must be mended before anybody relies on it"))
	}
	return err
}

func (o *doctorFlags) page(out io.Writer, findings []doctor.Finding, told string) error {
	p := &page{out: out}
	for _, f := range findings {
		if f.Severity == doctor.Well && !o.all {
			continue
		}
		p.field(string(f.Severity), f.Says)
		if f.Do != "" {
			p.field("", f.Do)
		}
		if f.Evidence != "" {
			p.field("", "("+f.Evidence+")")
		}
	}
	p.line("%s", told)
	return p.err
}
