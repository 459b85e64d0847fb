package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/admit"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/controller/preview"
	"github.com/sluicehq/sluice/controller/rollout"
	gbdt "github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// inspectFlags are those of `sluice inspect`.
type inspectFlags struct {
	output
	fleets, fleet, job string // of the policy
	stable, log        string // files
	rows               int
}

func inspectCommand() *cobra.Command {
	var o inspectFlags
	c := &cobra.Command{
		Use:   "inspect FILE",
		Short: "Say what a model is, whether it would be admitted, and what it would do",
		Long: "The file is a model.tar.gz as a training job left it, or a model; s3://BUCKET/KEY is fetched.\n" +
			"It is checked as the controller does it, by the policy of --fleet-file: what passes here is\n" +
			"admitted there, and what is refused is refused with the same sentence. Nothing in it is executed.\n" +
			"With --stable and --log it also answers the auctions of a log beside the release that serves,\n" +
			"and tells what both filter, of which partners, and which bids that would cost.\n" +
			"Features stand in the order of the columns of a row, and so do those that trees split by\n" +
			"category; columns without a name are told by their number, from 0 on.",
		Example: "  sluice inspect local/demo/models/better.tar.gz --fleet-file local/demo/fleet.yaml\n" +
			"  sluice world --auctions 2000 | sluice inspect local/demo/models/partner-blind.tar.gz \\\n" +
			"    --stable local/demo/models/baseline.tar.gz --log -",
		Args: takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case len(args) == 0:
				return wrongUsage("no file: name the file of a model, or a model.tar.gz")
			case (o.stable == "") != (o.log == ""):
				return wrongUsage("--stable and --log go together: the release that serves, and auctions that both are to answer")
			case o.rows < 1:
				return wrongUsage("--limit is %d: want 1 or more", o.rows)
			}
			return o.run(c.Context(), c.InOrStdin(), c.OutOrStdout(), args[0])
		},
	}
	f := c.Flags()
	f.StringVar(&o.fleets, "fleet-file", "", fleetPlaces+", by whose policy to admit and compare; the release format's own bounds where it is left out")
	f.StringVar(&o.fleet, "fleet", "", "`name` of the fleet, where there are several")
	f.StringVar(&o.job, "job", "", "training `job` whose policy to take, where the fleet has several")
	f.StringVar(&o.stable, "stable", "", "`file` of the release to compare with, or s3://BUCKET/KEY")
	f.StringVar(&o.log, "log", "", "`file` of auctions that both answer, as sluice log reads them; - for standard input")
	f.IntVar(&o.rows, "limit", listed, "`number` of partners to show")
	o.formats(c)
	return c
}

// inspected is what is told of a file.
type inspected struct {
	Admission admit.Report    `json:"admission"`
	Model     *modelFacts     `json:"model,omitempty"` // absent: it cannot be read
	Stable    string          `json:"stable,omitempty"`
	Compared  *preview.Report `json:"compared,omitempty"`
}

// modelFacts are what a model says of itself.
type modelFacts struct {
	Format     string   `json:"format"`
	Version    string   `json:"version,omitempty"`
	Objective  string   `json:"objective"`
	Trees      int      `json:"trees"`
	Trained    int      `json:"trained"`
	Folds      int      `json:"folds,omitempty"`
	Features   int      `json:"features"`
	Names      []string `json:"feature_names,omitempty"`
	Categories []int    `json:"categories,omitempty"`
	Memory     int64    `json:"memory_bytes"`
	Evaluator  string   `json:"evaluator"`
	Notes      []string `json:"notes,omitempty"`
}

func (o *inspectFlags) run(ctx context.Context, in io.Reader, out io.Writer, file string) error {
	fleet, err := o.fleetOf(ctx)
	if err != nil {
		return err
	}
	artifact, source, err := fetch(ctx, file)
	if err != nil {
		return err
	}
	found := inspected{Admission: admit.Check(artifact, source, fleet.Admission, "", time.Now())}
	opened, m := subject(artifact, &found)
	if opened != nil && o.stable != "" {
		err = o.compare(ctx, in, &found, opened, fleet)
	}
	if o.data() {
		err = errors.Join(err, o.print(out, found))
	} else {
		err = errors.Join(err, found.text(out, m, o.rows))
	}
	if found.Admission.Outcome != admit.Admit {
		err = errors.Join(errors.New(found.Admission.Sentence), err)
	}
	return err
}

// fleetOf is the fleet whose policy to take; without a file, one that bounds
// nothing.
func (o *inspectFlags) fleetOf(ctx context.Context) (controller.Fleet, error) {
	if o.fleets == "" {
		return controller.Fleet{Prices: rollout.Prices{}.Sane(), Policies: rollout.Policies{Default: rollout.Defaults()}}, nil
	}
	return fleetIn(ctx, o.fleets, o.fleet)
}

// fleetIn is the fleet of that name in a fleet file or folder, or the only one.
func fleetIn(ctx context.Context, place, name string) (controller.Fleet, error) {
	fleets, err := readFleets(ctx, place)
	if err != nil {
		return controller.Fleet{}, err
	}
	if name == "" && len(fleets) == 1 {
		return fleets[0], nil
	}
	i := slices.IndexFunc(fleets, func(f controller.Fleet) bool { return f.Name == name })
	if i < 0 {
		return controller.Fleet{}, fmt.Errorf("%s declares no fleet %q: name one with --fleet", place, name)
	}
	return fleets[i], nil
}

// fetch returns what a file holds, or an object in S3.
func fetch(ctx context.Context, place string) ([]byte, release.Source, error) {
	if !strings.HasPrefix(place, "s3://") {
		b, err := modelFile(place)
		return b, release.Source{Key: place}, err
	}
	source := release.Source{}
	var err error
	if source.Bucket, source.Key, err = aws.ParseURL(place); err != nil {
		return nil, source, usageError{err}
	}
	client, err := aws.Open(ctx, aws.Options{})
	if err != nil {
		return nil, source, err
	}
	artifacts := client.Artifacts()
	pinned, _, err := artifacts.Pin(ctx, source)
	if err != nil {
		return nil, source, err
	}
	b, err := artifacts.Fetch(ctx, pinned, gbdt.MaxBytes)
	return b, pinned, err
}

// subject is what is told about: the release as tasks would have it, or of one
// that is not admitted the model, as far as it can be read.
func subject(artifact []byte, found *inspected) (*release.Release, *gbdt.Model) {
	if found.Admission.Outcome == admit.Admit {
		if opened, err := release.Open(found.Admission.Archive); err == nil && opened.Prove() == nil {
			found.Model = factsOf(opened.Model, found.Admission.Passport.Notes)
			return opened, opened.Model
		}
	}
	m, err := release.ReadModel(artifact)
	if err != nil {
		return nil, nil
	}
	found.Model = factsOf(m, release.NotesOn(artifact, m))
	return nil, m
}

func factsOf(m *gbdt.Model, notes []string) *modelFacts {
	return &modelFacts{
		Format: m.Format(), Version: m.Version(), Objective: m.Objective(), Trees: m.Trees(), Trained: m.Trained(), Folds: len(m.Members()),
		Features: m.NumFeature(), Names: m.FeatureNames(), Categories: m.Categories(), Memory: m.MemoryBytes(), Evaluator: string(m.Evaluator()), Notes: notes,
	}
}

// compare lets the release and stable answer the log.
func (o *inspectFlags) compare(ctx context.Context, in io.Reader, found *inspected, candidate *release.Release, fleet controller.Fleet) error {
	stable, err := stableAt(ctx, o.stable, fleet.Admission)
	if err != nil {
		return err
	}
	if found.Stable = stable.Digest; stable.Digest == candidate.Digest {
		return fmt.Errorf("%s holds the very bytes of the candidate: name another release with --stable", o.stable)
	}
	if o.log != "-" {
		file, err := os.Open(o.log)
		if err != nil {
			return fmt.Errorf("read the log: %w", err)
		}
		defer file.Close()
		in = file
	}
	compared, err := preview.Compare(candidate, stable, in, preview.Options{Policy: fleet.Policies.For(o.job).Judge, Prices: preview.Prices(fleet.Prices)})
	if err != nil {
		return err
	}
	found.Compared = &compared
	return nil
}

// stableAt opens the release to compare with: as admission would take it, or
// as tasks load what an earlier version admitted.
func stableAt(ctx context.Context, place string, p admit.Policy) (*release.Release, error) {
	archive, source, err := fetch(ctx, place)
	if err != nil {
		return nil, fmt.Errorf("fetch the stable release: %w", err)
	}
	if r := admit.Check(archive, source, admit.Policy{ManifestBody: p.ManifestBody}, "", time.Now()); r.Outcome == admit.Admit {
		archive = r.Archive
	}
	opened, err := release.Open(archive)
	if err == nil {
		err = opened.Prove()
	}
	if err != nil {
		return nil, fmt.Errorf("open the stable release %s: %w", place, err)
	}
	return opened, nil
}

func (i *inspected) text(out io.Writer, m *gbdt.Model, rows int) error {
	p := &page{out: out}
	if m != nil {
		i.model(p, m)
	}
	if i.Admission.Outcome == admit.Admit {
		p.field("admission", i.Admission.Sentence)
	}
	if i.Compared != nil {
		p.line("")
		p.compared(i.Compared, i.Stable, rows)
	}
	return p.err
}

func (i *inspected) model(p *page, m *gbdt.Model) {
	version := m.Version()
	if version == "" {
		version = "not told"
	}
	trees := strconv.Itoa(m.Trees())
	if m.Trained() > m.Trees() {
		trees += fmt.Sprintf(" of %d, up to the best iteration", m.Trained())
	}
	if folds := len(m.Members()); folds > 0 {
		together := "whose mean answers"
		if m.Votes() {
			together = "whose vote answers"
		}
		trees += fmt.Sprintf(", in %d folds %s", folds, together)
	}
	text := fmt.Sprintf("format     %s\nversion    %s\nobjective  %s\ntrees      %s\nfeatures   %s\n%smemory     %d bytes\nevaluator  %s\n",
		m.Format(), version, m.Objective(), trees, columns(m.NumFeature(), m.FeatureNames()), categories(m), m.MemoryBytes(), m.Evaluator())
	for _, note := range i.Model.Notes {
		text += "note       " + note + "\n"
	}
	if p.err == nil {
		_, p.err = io.WriteString(p.out, text)
	}
}

// columns tells how many features there are, and the first of their names.
func columns(n int, names []string) string {
	const most = 50
	told := strconv.Itoa(n)
	if len(names) > 0 {
		told += ": " + strings.Join(names[:min(len(names), most)], ", ")
	}
	if len(names) > most {
		told += fmt.Sprintf(", and %d more", len(names)-most)
	}
	return told
}

// categories is the line of the features that trees split by category, if any.
func categories(m *gbdt.Model) string {
	list := m.Categories()
	if len(list) == 0 {
		return ""
	}
	names := make([]string, len(list))
	for i, feature := range list {
		if names[i] = strconv.Itoa(feature); feature < len(m.FeatureNames()) {
			names[i] = m.FeatureNames()[feature]
		}
	}
	return fmt.Sprintf("categories %s\n", columns(len(list), names))
}
