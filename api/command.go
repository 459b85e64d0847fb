package api

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/rollout"
)

// Status is the command "sluice status": what serves, what is being tried,
// what happens next, the tasks, and the way back.
func Status(ctx context.Context, args []string, out io.Writer) error {
	o, rest, err := parse("status", "", args, out, nil)
	if o == nil || err != nil {
		return err
	}
	if len(rest) > 0 {
		return fmt.Errorf("status takes no %q: see sluice status --help", rest[0])
	}
	fleet, err := o.Only(ctx)
	if err != nil {
		return err
	}
	f, err := o.Client.Fleet(ctx, fleet)
	if err != nil {
		return err
	}
	tasks, err := o.Client.Tasks(ctx, fleet, o.limit)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(out, struct {
			Fleet
			List []Task `json:"task_list"`
		}{f, tasks.Tasks})
	}
	return printStatus(out, f, tasks)
}

// Rollouts is the command "sluice rollouts [ID]": the list, or one of them
// with all its evidence.
func Rollouts(ctx context.Context, args []string, out io.Writer) error {
	o, rest, err := parse("rollouts", "[ID]", args, out, nil)
	if o == nil || err != nil {
		return err
	}
	if len(rest) > 1 {
		return fmt.Errorf("rollouts takes one ID, not %q: see sluice rollouts --help", rest)
	}
	fleet, err := o.Only(ctx)
	if err != nil {
		return err
	}
	if len(rest) == 1 {
		r, err := o.Client.Rollout(ctx, fleet, rest[0])
		switch {
		case err != nil:
			return err
		case o.json:
			return printJSON(out, r)
		}
		return printRollout(out, r)
	}
	list, err := o.Client.Rollouts(ctx, fleet, o.limit)
	switch {
	case err != nil:
		return err
	case o.json:
		return printJSON(out, list)
	}
	return printRollouts(out, list)
}

// Command is one of the commands by which people steer: pause, resume, abort,
// promote, rollback, try.
func Command(verb rollout.Verb) func(ctx context.Context, args []string, out io.Writer) error {
	return func(ctx context.Context, args []string, out io.Writer) error {
		w := wish{verb: verb}
		o, rest, err := parse(string(verb), positional(verb), args, out, w.flags)
		if o == nil || err != nil {
			return err
		}
		if w.body.By == "" {
			w.body.By = whoami()
		}
		if err := w.take(rest); err != nil {
			return err
		}
		fleet, err := o.Only(ctx)
		if err != nil {
			return err
		}
		if w.to != "" {
			if w.body.Release, err = resolve(ctx, o.Client, w.to); err != nil {
				return err
			}
		}
		before, err := o.Client.Fleet(ctx, fleet)
		if err != nil {
			return err
		}
		stored, err := o.Client.Ask(ctx, fleet, verb, w.body)
		if err != nil {
			return err
		}
		if o.json {
			err = printJSON(out, stored)
		} else {
			_, err = fmt.Fprintln(out, told(stored, before))
		}
		if err != nil || !w.wait {
			return err
		}
		if o.json {
			out = io.Discard
		}
		return await(ctx, o.Client, fleet, stored, before, w.timeout, out)
	}
}

// wish is what a verb's command line says.
type wish struct {
	verb    rollout.Verb
	body    Ask
	to      string // digest or the beginning of one
	wait    bool
	timeout time.Duration
}

func positional(verb rollout.Verb) string {
	switch verb {
	case rollout.VerbAbort, rollout.VerbPromote, rollout.VerbResume:
		return "[ROLLOUT]"
	case rollout.VerbTry:
		return "s3://BUCKET/KEY"
	case rollout.VerbPause, rollout.VerbRollback:
	}
	return ""
}

func (w *wish) flags(f *flag.FlagSet) {
	f.StringVar(&w.body.Why, "why", "", "reason, shown with all that follows")
	f.StringVar(&w.body.By, "by", "", "who asks (default: user@host)")
	if w.verb == rollout.VerbTry {
		f.Func("intended", "`change` of the filter rate that is wanted, in points, such as +5, or acme=+5 for one partner; may be repeated; --why says why", w.intend)
	}
	f.BoolVar(&w.wait, "wait", false, "wait until it is done, and fail if it ends otherwise")
	f.DurationVar(&w.timeout, "timeout", 30*time.Minute, "how long --wait waits")
	if w.verb == rollout.VerbRollback {
		f.StringVar(&w.to, "to", "", "release to go back to: a digest, or the beginning of one (default: the one `before`)")
	}
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
		w.body.Intended = &Change{}
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

// take reads what stands beside the flags.
func (w *wish) take(rest []string) error {
	most := min(1, len(positional(w.verb)))
	if len(rest) > most {
		return fmt.Errorf("%s takes no %q: see sluice %s --help", w.verb, rest[most], w.verb)
	}
	switch {
	case w.verb == rollout.VerbTry && len(rest) == 0:
		return errors.New("say which artifact to try: sluice try s3://BUCKET/KEY")
	case w.verb == rollout.VerbTry:
		w.body.Source = rest[0]
	case len(rest) == 1:
		w.body.Rollout = rest[0]
	}
	return nil
}

// resolve finds the one release whose digest begins so.
func resolve(ctx context.Context, c Client, prefix string) (string, error) {
	prefix = strings.ToLower(strings.TrimPrefix(prefix, "sha256:"))
	if isDigest(prefix) {
		return prefix, nil
	}
	list, err := c.Releases(ctx, listMost)
	if err != nil {
		return "", err
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
func told(q Request, before Fleet) string {
	switch rollout.Verb(q.Verb) {
	case rollout.VerbPause:
		return "Asked to pause " + before.Fleet + ": nothing will start or advance. sluice resume ends it."
	case rollout.VerbResume:
		return "Asked to resume " + before.Fleet + "."
	case rollout.VerbAbort, rollout.VerbPromote:
		id := q.Rollout
		if id == "" && before.Active != nil {
			id = before.Active.ID
		}
		return "Asked to " + q.Verb + " " + id + "."
	case rollout.VerbRollback:
		to := q.Release
		if to == "" && before.Back != nil {
			to = before.Back.Digest
		}
		return "Asked to roll " + before.Fleet + " back to " + rollout.Short(to) + "."
	case rollout.VerbTry:
		return "Asked to try " + q.Source + " as " + q.Rollout + "."
	}
	return "Asked to " + q.Verb + "."
}

// Target is the controller that a command asks, and the fleet that it is about.
type Target struct {
	Client Client
	Fleet  string // empty: the only one
}

// Flags adds the flags that name a target.
func (t *Target) Flags(f *flag.FlagSet) {
	base := os.Getenv("SLUICE_API")
	if base == "" {
		base = "http://127.0.0.1:8080"
	}
	f.StringVar(&t.Client.Base, "api", base, "`address` of the controller's API, or SLUICE_API")
	f.StringVar(&t.Fleet, "fleet", "", "`name` of the fleet (default: the only one)")
}

// Only is the fleet that was named, or the only one there is.
func (t *Target) Only(ctx context.Context) (string, error) {
	if t.Fleet != "" {
		return t.Fleet, nil
	}
	names, err := t.Client.Fleets(ctx)
	switch {
	case err != nil:
		return "", err
	case len(names) == 0:
		return "", errors.New("the controller knows no fleet: start it with a fleet file")
	case len(names) > 1:
		slices.Sort(names)
		return "", fmt.Errorf("say which fleet with --fleet: %s", strings.Join(names, ", "))
	}
	return names[0], nil
}

// options are the flags that all commands share.
type options struct {
	Target
	json  bool
	limit int
}

// parse reads flags wherever they stand, and returns what is not one. No
// options mean that help was asked for, and given.
func parse(name, takes string, args []string, out io.Writer, more func(*flag.FlagSet)) (*options, []string, error) {
	o := &options{}
	f := flag.NewFlagSet(name, flag.ContinueOnError)
	f.SetOutput(io.Discard)
	o.Flags(f)
	f.BoolVar(&o.json, "json", false, "print JSON")
	if more != nil {
		more(f)
	} else {
		f.IntVar(&o.limit, "limit", listDefault, "how many tasks or rollouts to show")
	}
	var rest []string
	for {
		err := f.Parse(args)
		switch {
		case errors.Is(err, flag.ErrHelp):
			fmt.Fprintln(out, strings.TrimSpace("usage: sluice "+name+" [flags] "+takes))
			f.SetOutput(out)
			f.PrintDefaults()
			return nil, nil, nil
		case err != nil:
			return nil, nil, fmt.Errorf("%w: see sluice %s --help", err, name)
		case f.NArg() == 0:
			return o, rest, nil
		}
		rest, args = append(rest, f.Arg(0)), f.Args()[1:]
	}
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

func printJSON(out io.Writer, v any) error {
	e := json.NewEncoder(out)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
