package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
	"github.com/sluicehq/sluice/inference/release"
)

// wish is what the command line of a verb says.
type wish struct {
	target
	output
	verb    rollout.Verb
	body    api.Ask
	to      string // digest or the beginning of one
	wait    bool
	timeout time.Duration
}

func tryCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbTry}
	c := w.command(&cobra.Command{
		Use:   "try s3://BUCKET/KEY",
		Short: "Try a model that you name yourself",
		Long: "The model is checked and rolled out like one of a training job. A key that ends with a slash\n" +
			"is a prefix, as SageMaker leaves it. With --wait the command ends when the rollout does, and\n" +
			"fails if it ends anywhere but live.",
		Example: "  sluice try s3://training/models/better/output/model.tar.gz --why 'once more'",
		Args:    takes(1),
		PreRunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("say which artifact to try: sluice try s3://BUCKET/KEY")
			}
			w.body.Source = args[0]
			return nil
		},
	})
	c.Flags().Func("intended", "wanted `change` of the filter rate in points, such as +5, or acme=+5 for one partner; may be repeated; --why says why", w.intend)
	return w.breaksGlass(c)
}

func pauseCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbPause}
	return w.command(&cobra.Command{
		Use:   "pause",
		Short: "Let nothing start or advance",
		Long: "What is being tried stays where it is, and is still taken back if it does harm.\n" +
			"sluice resume lets things go on.",
		Example: "  sluice pause --why 'maintenance of the exchange'",
		Args:    takes(0),
	})
}

func resumeCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbResume}
	return w.breaksGlass(w.onRollout(&cobra.Command{
		Use:     "resume [ROLLOUT]",
		Short:   "End a pause, or approve the step that waits for it",
		Long:    "A rollout that is held goes on with the step that it was held in.",
		Example: "  sluice resume --why 'the exchange is back'",
	}))
}

func abortCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbAbort}
	return w.onRollout(&cobra.Command{
		Use:     "abort [ROLLOUT]",
		Short:   "Give a rollout up; what serves stays",
		Long:    "Without a name it is the rollout that is being tried.",
		Example: "  sluice abort --why 'trained on the wrong day'",
	})
}

func promoteCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbPromote}
	return w.breaksGlass(w.onRollout(&cobra.Command{
		Use:     "promote [ROLLOUT]",
		Short:   "Let the candidate serve everywhere now, without further proof",
		Long:    "Without a name it is the rollout that is being tried. Crashes and errors still take it back.",
		Example: "  sluice promote --why 'the judge waits for traffic that does not come at night'",
	}))
}

func rollbackCommand() *cobra.Command {
	w := &wish{verb: rollout.VerbRollback}
	c := w.command(&cobra.Command{
		Use:   "rollback",
		Short: "Go back to a release at once, without steps or judge",
		Long: "Without --to it is the release that served before this one, or the one that serves while a\n" +
			"candidate is being tried. sluice status shows which. Once somebody has gone back by hand, and\n" +
			"until a release goes live, it wants --to.",
		Example: "  sluice rollback --why 'revenue of acme is down' --wait",
		Args:    takes(0),
	})
	c.Flags().StringVar(&w.to, "to", "", "`digest` of the release to go back to, or the beginning of it; the one before where it is left out")
	if err := c.RegisterFlagCompletionFunc("to", completeReleases(&w.target)); err != nil {
		panic(err) // the flag has just been added
	}
	return c
}

// command adds what all verbs share.
func (w *wish) command(c *cobra.Command) *cobra.Command {
	w.flags(c)
	f := c.Flags()
	f.StringVar(&w.body.Why, "why", "", "`reason`, shown with all that follows, and kept; only pause and resume may do without")
	f.StringVar(&w.body.By, "by", "", "`name` of who asks (default USER@HOST); where there is sign-in, the proven name stands for it, and this is kept as a claim")
	f.StringVar(&w.body.ID, "key", "", "`key` of the wish: asked again with the same one it is the same wish, and has one effect; a new one where it is left out")
	f.BoolVar(&w.wait, "wait", false, "wait until it is done, and fail if it ends otherwise")
	f.DurationVar(&w.timeout, "timeout", 30*time.Minute, "`time` that --wait waits at most")
	w.formats(c)
	c.RunE = func(c *cobra.Command, _ []string) error { return w.ask(c.Context(), c.OutOrStdout()) }
	return c
}

// breaksGlass lets a verb happen in spite of a freeze.
func (w *wish) breaksGlass(c *cobra.Command) *cobra.Command {
	c.Flags().BoolVar(&w.body.BreakGlass, "break-glass", false, "do it in spite of a freeze, and let that rollout go on through it; takes an admin, and --why")
	return c
}

// onRollout is a verb that may name a rollout.
func (w *wish) onRollout(c *cobra.Command) *cobra.Command {
	c.Args = takes(1)
	c.ValidArgsFunction = completeOpenRollouts(&w.target)
	c.PreRunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 1 {
			w.body.Rollout = args[0]
		}
		return nil
	}
	return w.command(c)
}

// ask writes the wish down, says so, and waits for it where that is asked for.
func (w *wish) ask(ctx context.Context, out io.Writer) error {
	if w.verb.Override() && strings.TrimSpace(w.body.Why) == "" {
		return wrongUsage("say why: sluice %s --why '…'; the reason is shown with all that follows, and kept", w.verb)
	}
	if w.body.By == "" {
		w.body.By = whoami()
	}
	fleet, err := w.only(ctx)
	if err != nil {
		return err
	}
	if w.to != "" {
		if w.body.Release, err = resolve(ctx, w.client, w.to); err != nil {
			return err
		}
	}
	if err := w.look(ctx, fleet); err != nil {
		return err
	}
	stored, err := w.client.Ask(ctx, fleet, w.verb, w.body)
	if err != nil {
		return w.again(err, fleet)
	}
	if w.verb == rollout.VerbRollback {
		stored.TakenBack = w.warnings(ctx, stored.Release)
	}
	if w.data() {
		err = w.print(out, stored)
	} else {
		_, err = fmt.Fprintln(out, told(stored, fleet))
	}
	if err != nil || !w.wait {
		return err
	}
	if w.data() {
		out = io.Discard
	}
	return await(ctx, w.client, fleet, stored, w.timeout, out)
}

// dangerLooks bounds how long a rollback waits to read where it leads: whoever
// takes it knows that, too.
const dangerLooks = time.Second

// look takes down what there is to see, so that a wish is about that, whatever
// happens until it is taken. Danger does not wait for it, and means things as
// they stand where they cannot be seen; so does what is asked again by its key.
// A try names all that it is about, and waits for its turn whatever serves then.
func (w *wish) look(ctx context.Context, fleet string) error {
	if w.verb == rollout.VerbTry {
		return nil
	}
	if w.verb.Danger() {
		if w.verb != rollout.VerbRollback || w.body.Release != "" || w.body.ID != "" {
			return nil
		}
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, dangerLooks)
		defer cancel()
	}
	f, err := w.client.Fleet(ctx, fleet)
	switch {
	case err != nil && w.verb.Danger():
	case err != nil:
		return err
	case w.verb != rollout.VerbRollback:
		w.body.Seen = api.See(f)
	case f.Back != nil && f.WentBack != "":
		return fmt.Errorf("%w: %s went back by hand since a release went live last, so that the one before, %s, may be what somebody has just left: say where to go, as --to %s",
			api.ErrConflict, f.WentBack, releaseText(*f.Back), rollout.Short(f.Back.Digest))
	case f.Back != nil:
		w.body.Release = f.Back.Digest
	}
	return nil
}

// warnings are what a release has been taken back for. They come once the wish is
// stored, and nobody waits for them.
func (w *wish) warnings(ctx context.Context, digest string) []api.TakenBack {
	ctx, cancel := context.WithTimeout(ctx, dangerLooks)
	defer cancel()
	p, _ := w.client.Release(ctx, digest) // good to know
	return p.TakenBack
}

// again adds to an error how to ask for the same, where nobody knows whether it
// is stored.
func (w *wish) again(err error, fleet string) error {
	unknown, ok := errors.AsType[*api.UnknownError](err)
	if !ok {
		return err
	}
	flags := "--key " + unknown.ID
	if w.to == "" && w.body.Release != "" {
		flags += " --to " + w.body.Release
	}
	return fmt.Errorf("%w: ask again by the same command with %s, which is safe: it is the same wish, and has one effect; sluice status --fleet %s shows what is asked", err, flags, fleet)
}

// intend reads a change in points: "+5", or "partner=+5".
func (w *wish) intend(text string) error {
	name, number, forPartner := cutLast(text, "=")
	if !forPartner {
		number = text
	}
	points, err := strconv.ParseFloat(strings.TrimSpace(number), 64)
	if err != nil || !(math.Abs(points) < 100) || forPartner && name == "" {
		return errors.New("want points such as +5, or PARTNER=+5")
	}
	if w.body.Intended == nil {
		w.body.Intended = &api.Change{}
	}
	if !forPartner {
		w.body.Intended.FilterRate = points / 100
		return nil
	}
	if w.body.Intended.Partners == nil {
		w.body.Intended.Partners = map[string]float64{}
	}
	w.body.Intended.Partners[name] = points / 100
	return nil
}

func cutLast(text, at string) (before, after string, found bool) {
	if i := strings.LastIndex(text, at); i >= 0 {
		return text[:i], text[i+len(at):], true
	}
	return text, "", false
}

// resolve finds the one release whose digest begins so.
func resolve(ctx context.Context, c api.Client, prefix string) (string, error) {
	prefix = strings.ToLower(strings.TrimPrefix(prefix, "sha256:"))
	if release.IsDigest(prefix) {
		return prefix, nil
	}
	list, err := c.Releases(ctx, api.MostListed)
	if err != nil {
		return "", fmt.Errorf("find the release that begins with %q: %w: a whole digest needs no list", prefix, err)
	}
	var found []string
	for _, r := range list {
		if strings.HasPrefix(r.Digest, prefix) {
			found = append(found, r.Digest)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return "", fmt.Errorf("no release begins with %q among the newest %d: sluice rollouts shows digests; give a whole one for an older release", prefix, len(list))
	}
	return "", fmt.Errorf("%d releases begin with %q: give more of the digest", len(found), prefix)
}

// told says what was asked, and that it is not done yet.
func told(q api.Request, fleet string) string {
	switch rollout.Verb(q.Verb) {
	case rollout.VerbPause:
		return "Asked to pause " + fleet + ": nothing will start or advance. sluice resume ends it."
	case rollout.VerbResume:
		return "Asked to resume " + cmp.Or(q.Rollout, fleet) + "."
	case rollout.VerbAbort, rollout.VerbPromote:
		return "Asked to " + q.Verb + " " + q.Rollout + "."
	case rollout.VerbRollback:
		return "Asked to roll " + fleet + " back to " + rollout.Short(q.Release) + "." + warned(q)
	case rollout.VerbTry:
		return "Asked to try " + q.Source + " as " + q.Rollout + "." + warned(q)
	}
	return "Asked to " + q.Verb + "."
}

func warned(q api.Request) (say string) {
	for _, t := range q.TakenBack {
		say += "\nWARNING    taken back in " + t.Fleet + " " + span(q.At.Sub(t.At)) + " ago: " + t.Headline
	}
	return say
}

// whoami is who asks, as far as this machine knows.
func whoami() string {
	user := os.Getenv("USER")
	if user == "" {
		user = "somebody"
	}
	host, err := os.Hostname()
	if err != nil {
		return user
	}
	return user + "@" + host
}
