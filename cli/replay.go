package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// replayFlags are those of `sluice replay`.
type replayFlags struct {
	target
	output
	policy, folder string
}

func replayCommand() *cobra.Command {
	var r replayFlags
	c := &cobra.Command{
		Use:   "replay [ROLLOUT]",
		Short: "Judge a rollout's looks anew: the same verdicts, or another policy's",
		Long: "It fails where a verdict is not that of then, bit for bit. With --policy it tells what other\n" +
			"settings of the judge would have made of what was seen.",
		Example:           "  sluice replay partner-blind",
		Args:              takes(1),
		ValidArgsFunction: completeRollouts(&r.target),
		RunE: func(c *cobra.Command, args []string) error {
			switch {
			case r.folder == "" && len(args) == 0:
				return wrongUsage("say which rollout: sluice replay ROLLOUT; sluice rollouts lists them")
			case r.folder != "" && len(args) > 0:
				return wrongUsage("replay takes no %q beside --from: see sluice replay --help", args[0])
			}
			return r.run(c.Context(), c.OutOrStdout(), args)
		},
	}
	r.flags(c)
	policyFlag(c, &r.policy)
	c.Flags().StringVar(&r.folder, "from", "", "`folder` of chunks copied from the bucket (fleets/FLEET/looks/ROLLOUT/), instead of asking a controller")
	r.formats(c)
	return c
}

// run judges the log of a rollout's looks anew, and says whether the verdicts
// are those of then, and what another policy would have made of it.
func (r *replayFlags) run(ctx context.Context, out io.Writer, args []string) error {
	other, err := readPolicy(r.policy)
	if err != nil {
		return err
	}
	var parts []history.Part
	if r.folder != "" {
		parts, err = readFolder(r.folder)
	} else {
		parts, err = r.log(ctx, args[0])
	}
	if err != nil {
		return err
	}
	anew := history.Run(parts, other.policy())
	if r.data() {
		err = r.print(out, shapeReplay(anew, other))
	} else {
		err = printReplay(out, anew, other)
	}
	return errors.Join(err, anew.Unread, brokenError(anew))
}

// log fetches all chunks of a rollout's log.
func (t *target) log(ctx context.Context, id string) ([]history.Part, error) {
	fleet, err := t.only(ctx)
	if err != nil {
		return nil, err
	}
	l, err := t.client.Looks(ctx, fleet, id)
	if err != nil {
		return nil, err
	}
	parts := make([]history.Part, 0, len(l.Chunks))
	for _, n := range l.Chunks {
		c, err := t.client.Chunk(ctx, fleet, id, n)
		if err != nil {
			return nil, fmt.Errorf("fetch chunk %d of %d: %w", n, len(l.Chunks), err)
		}
		parts = append(parts, history.Part{Chunk: n, Name: history.Key(fleet, id, n), Body: c.Body})
	}
	return parts, nil
}

// readFolder reads chunks that were copied out of the bucket.
func readFolder(folder string) ([]history.Part, error) {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("read the folder of chunks: %w", err)
	}
	var parts []history.Part
	for _, e := range entries {
		n, err := strconv.Atoi(e.Name())
		if err != nil || e.IsDir() {
			continue
		}
		name := filepath.Join(folder, e.Name())
		body, err := os.ReadFile(name)
		if err != nil {
			return nil, fmt.Errorf("read a chunk: %w", err)
		}
		parts = append(parts, history.Part{Chunk: n, Name: name, Body: body})
	}
	if len(parts) == 0 {
		return nil, fmt.Errorf("%s has no chunks: copy fleets/FLEET/looks/ROLLOUT/ out of the bucket, whose files are called 000000, 000001, …", folder)
	}
	return parts, nil
}

// brokenError makes verdicts that are not those of then a failure.
func brokenError(r history.Replay) error {
	if n := r.Looks - r.Same; n > 0 {
		return fmt.Errorf("%s of %s verdicts are not those of then", thousands(int64(n)), thousands(int64(r.Looks)))
	}
	return nil
}

func printReplay(out io.Writer, r history.Replay, other *otherPolicy) error {
	p := &page{out: out}
	if r.Looks == 0 {
		p.line("There is no look to judge anew.")
		return p.err
	}
	p.line("%s: looks %s to %s, from %s to %s, judged by sluice %s", r.Rollout, thousands(int64(r.First.Number)), thousands(int64(r.Last.Number)),
		clock(r.First.Statistics.At), clock(r.Last.Statistics.At), strings.Join(r.Programs, ", then "))
	if r.Same == r.Looks {
		p.line("%s, all verdicts the same", judge.Some(r.Looks, "look"))
	} else {
		p.line("%s looks, %s verdicts are not those of then:", thousands(int64(r.Looks)), thousands(int64(r.Looks-r.Same)))
		p.spans(r.Broken)
	}
	if len(r.Strange) > 0 {
		p.field("WARNING", "this program does not know what was recorded as "+strings.Join(r.Strange, ", ")+": use the version that judged")
	}
	if other != nil {
		p.line("")
		p.changes(r, other)
	}
	return p.err
}

func (p *page) changes(r history.Replay, other *otherPolicy) {
	changed := 0
	for _, s := range r.Changed {
		changed += s.To - s.From + 1
	}
	for _, name := range other.kept {
		p.field("NOTE", name+" stays as it was: what the log holds was made by it")
	}
	if changed == 0 {
		p.line("With %s all %s outcomes would have been the same.", other.file, thousands(int64(r.Looks)))
		return
	}
	p.line("With %s %s of %s looks would have gone otherwise:", other.file, thousands(int64(changed)), thousands(int64(r.Looks)))
	p.spans(r.Changed)
	p.line("")
	p.field("then", courseText(r.Then))
	p.field("now", courseText(r.Now))
	p.field("", "What the log holds after the first difference was counted while things went as they went then.")
}

// maxSpans is how many rows of looks are shown.
const maxSpans = 20

func (p *page) spans(list []history.Span) {
	rows := [][]string{{"LOOKS", "FROM", "THEN", "NOW"}}
	for _, s := range list[:min(maxSpans, len(list))] {
		looks := strconv.Itoa(s.From)
		if s.To > s.From {
			looks += "-" + strconv.Itoa(s.To)
		}
		rows = append(rows, []string{looks, clock(s.At), rulingText(s.Then), rulingText(s.Now)})
	}
	p.table(rows)
	if more := len(list) - maxSpans; more > 0 {
		p.line("and %d rows more: --json shows them", more)
	}
}

// rulingText is an outcome and the gate behind it.
func rulingText(r history.Ruling) string {
	text := string(r.Outcome)
	if r.Class != "" {
		text += " (" + string(r.Class) + ")"
	}
	if r.Gate != "" {
		text += ": " + strings.TrimSpace(string(r.Gate)+" "+r.Partner)
	}
	return text
}

// courseText tells when the candidate was first worse, or acceptable, and how
// it ended.
func courseText(c history.Course) string {
	for _, o := range []judge.Outcome{judge.Worse, judge.Acceptable} {
		if r, ok := c.First[o]; ok {
			return fmt.Sprintf("%s at look %d, %s", rulingText(r), r.Look, clock(r.At))
		}
	}
	return fmt.Sprintf("never worse and never acceptable; at the last look %s", rulingText(c.Last))
}

// replayed is a replay as JSON.
type replayed struct {
	Rollout   string                           `json:"rollout"`
	Programs  []string                         `json:"programs"`
	Looks     int                              `json:"looks"`
	Same      int                              `json:"same"`               // verdicts that are those of then, bit for bit
	Broken    []replayedSpan                   `json:"broken,omitempty"`   // where they are not
	Otherwise int                              `json:"otherwise"`          // looks whose outcome another policy would have changed
	Changed   []replayedSpan                   `json:"changed,omitempty"`  // those looks
	Kept      []string                         `json:"kept,omitempty"`     // settings of the other policy that cannot be tried
	Strange   []string                         `json:"strange,omitempty"`  // recorded, and unknown to this program
	Unread    string                           `json:"unread,omitempty"`   // why looks are missing
	First     *time.Time                       `json:"first_at,omitempty"` // first look
	Last      *time.Time                       `json:"last_at,omitempty"`  // last look
	Then      history.Ruling                   `json:"then"`               // at the last look
	Now       history.Ruling                   `json:"now"`                // at the last look, by the other policy
	FirstThen map[judge.Outcome]history.Ruling `json:"first_then"`         // first look of each outcome
	FirstNow  map[judge.Outcome]history.Ruling `json:"first_now"`
}

// replayedSpan is a row of looks at which two verdicts differ in the same way.
type replayedSpan struct {
	From int            `json:"from"`
	To   int            `json:"to"`
	Then history.Ruling `json:"then"`
	Now  history.Ruling `json:"now"`
}

func shapeReplay(r history.Replay, other *otherPolicy) replayed {
	out := replayed{
		Rollout: r.Rollout, Programs: r.Programs, Looks: r.Looks, Same: r.Same, Strange: r.Strange,
		Then: r.Then.Last, Now: r.Now.Last, FirstThen: r.Then.First, FirstNow: r.Now.First,
	}
	if r.Looks > 0 {
		out.First, out.Last = new(r.First.Statistics.At.UTC()), new(r.Last.Statistics.At.UTC())
	}
	if other != nil {
		out.Kept = other.kept
	}
	if r.Unread != nil {
		out.Unread = r.Unread.Error()
	}
	for _, s := range r.Broken {
		out.Broken = append(out.Broken, replayedSpan{s.From, s.To, s.Then, s.Now})
	}
	for _, s := range r.Changed {
		out.Changed = append(out.Changed, replayedSpan{s.From, s.To, s.Then, s.Now})
		out.Otherwise += s.To - s.From + 1
	}
	return out
}
