package api

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/controller/history"
	"github.com/sluicehq/sluice/controller/judge"
)

// Replay is the command "sluice replay ROLLOUT": it judges the log of a
// rollout's looks anew, and says whether the verdicts are those of then, and
// what another policy would have made of it.
func Replay(ctx context.Context, args []string, out io.Writer) error {
	var folder, policy string
	o, rest, err := parse("replay", "ROLLOUT", args, out, func(f *flag.FlagSet) {
		f.StringVar(&policy, "policy", "", "`file` with other settings of the judge (YAML, as under judge: in a fleet file); what it leaves out stays as it was")
		f.StringVar(&folder, "from", "", "`folder` of chunks copied from the bucket (fleets/FLEET/looks/ROLLOUT/), instead of asking a controller")
	})
	if o == nil || err != nil {
		return err
	}
	if folder == "" && len(rest) == 0 {
		return errors.New("say which rollout: sluice replay ROLLOUT; sluice rollouts lists them")
	}
	if most := 1; len(rest) > most || folder != "" && len(rest) > 0 {
		return fmt.Errorf("replay takes no %q: see sluice replay --help", rest[len(rest)-1])
	}
	other, err := readPolicy(policy)
	if err != nil {
		return err
	}
	var parts []history.Part
	if folder != "" {
		parts, err = readFolder(folder)
	} else {
		parts, err = o.log(ctx, rest[0])
	}
	if err != nil {
		return err
	}
	r := history.Run(parts, other.policy())
	if o.json {
		err = printJSON(out, shapeReplay(r, other))
	} else {
		err = printReplay(out, r, other)
	}
	return errors.Join(err, r.Unread, brokenError(r))
}

// log fetches all chunks of a rollout's log.
func (o *options) log(ctx context.Context, id string) ([]history.Part, error) {
	fleet, err := o.Only(ctx)
	if err != nil {
		return nil, err
	}
	l, err := o.Client.Looks(ctx, fleet, id)
	if err != nil {
		return nil, err
	}
	parts := make([]history.Part, 0, len(l.Chunks))
	for _, n := range l.Chunks {
		c, err := o.Client.Chunk(ctx, fleet, id, n)
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
		p.line("%s looks, all verdicts the same", thousands(int64(r.Looks)))
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

// Backtest is the command "sluice backtest": it judges the newest rollouts
// anew by another policy, and says for each what would have changed.
func Backtest(ctx context.Context, args []string, out io.Writer) error {
	var policy string
	var last int
	o, rest, err := parse("backtest", "", args, out, func(f *flag.FlagSet) {
		f.StringVar(&policy, "policy", "", "`file` with other settings of the judge (YAML, as under judge: in a fleet file); what it leaves out stays as it was")
		f.IntVar(&last, "last", 30, "how many finished rollouts to judge anew")
	})
	switch {
	case o == nil || err != nil:
		return err
	case len(rest) > 0:
		return fmt.Errorf("backtest takes no %q: see sluice backtest --help", rest[0])
	case policy == "":
		return errors.New("say which policy to try: sluice backtest --policy FILE")
	case last < 1 || last > listMost:
		return fmt.Errorf("--last is %d: want 1 to %d", last, listMost)
	}
	other, err := readPolicy(policy)
	if err != nil {
		return err
	}
	tested, err := o.backtest(ctx, last, other)
	if err != nil {
		return err
	}
	if o.json {
		return printJSON(out, tested)
	}
	return printBacktest(out, tested, other)
}

// Backtested is one rollout judged anew by another policy.
type Backtested struct {
	Rollout string    `json:"rollout"`
	Ended   time.Time `json:"ended"`
	Phase   string    `json:"phase"`
	Reason  string    `json:"reason"`
	Trouble string    `json:"trouble,omitempty"` // why it was not judged anew, or not to its end
	Change  string    `json:"change,omitempty"`  // what would have been otherwise; empty: nothing
	Replay  *Replayed `json:"replay,omitempty"`
}

// backtest judges up to last finished rollouts anew.
func (o *options) backtest(ctx context.Context, last int, other *otherPolicy) ([]Backtested, error) {
	fleet, err := o.Only(ctx)
	if err != nil {
		return nil, err
	}
	o.Fleet = fleet
	list, err := o.Client.Rollouts(ctx, fleet, listMost)
	if err != nil {
		return nil, err
	}
	list = slices.DeleteFunc(list, func(r Rollout) bool { return !r.Final || r.Verdict == nil })
	tested := make([]Backtested, 0, last)
	for _, r := range list[:min(last, len(list))] {
		b := Backtested{Rollout: r.ID, Ended: r.Since, Phase: r.Phase, Reason: r.Reason}
		parts, err := o.log(ctx, r.ID)
		switch {
		case errors.Is(err, ErrNotFound):
			b.Trouble = "it has no log of looks"
		case err != nil:
			return nil, err
		default:
			anew := history.Run(parts, other.policy())
			shaped := shapeReplay(anew, other)
			b.Replay, b.Change = &shaped, changeText(anew)
			if anew.Unread != nil {
				b.Trouble = anew.Unread.Error()
			} else if anew.Same < anew.Looks {
				b.Trouble = brokenError(anew).Error() + ": this program judges otherwise than the one that did"
			}
		}
		tested = append(tested, b)
	}
	return tested, nil
}

// changeText is what would have been otherwise; empty for nothing that
// matters to how a rollout goes on.
func changeText(r history.Replay) string {
	if len(r.Changed) == 0 {
		return ""
	}
	worseThen, wasWorse := r.Then.First[judge.Worse]
	worseNow, isWorse := r.Now.First[judge.Worse]
	fineThen, wasFine := r.Then.First[judge.Acceptable]
	fineNow, isFine := r.Now.First[judge.Acceptable]
	switch {
	case isWorse && !wasWorse:
		return fmt.Sprintf("back at look %d by %s", worseNow.Look, strings.TrimSpace(string(worseNow.Gate)+" "+worseNow.Partner))
	case wasWorse && !isWorse:
		return "not back; at the last look " + rulingText(r.Now.Last)
	case isWorse && worseNow.Look != worseThen.Look:
		return "back " + apart(worseThen, worseNow)
	case isFine && !wasFine:
		return fmt.Sprintf("acceptable at look %d, %s", fineNow.Look, clock(fineNow.At))
	case wasFine && !isFine:
		return "never acceptable; at the last look " + rulingText(r.Now.Last)
	case isFine && fineNow.Look != fineThen.Look:
		return "acceptable " + apart(fineThen, fineNow)
	}
	return "other outcomes on the way, the same in the end"
}

// apart tells how much sooner or later something would have been.
func apart(then, now history.Ruling) string {
	if now.Look < then.Look {
		return fmt.Sprintf("%d looks (%s) earlier", then.Look-now.Look, span(then.At.Sub(now.At)))
	}
	return fmt.Sprintf("%d looks (%s) later", now.Look-then.Look, span(now.At.Sub(then.At)))
}

func printBacktest(out io.Writer, tested []Backtested, other *otherPolicy) error {
	p := &page{out: out}
	if len(tested) == 0 {
		p.line("No rollout that was judged has ended yet.")
		return p.err
	}
	rows := [][]string{{"ROLLOUT", "ENDED", "THEN", "LOOKS", "OTHERWISE", "WHAT WOULD HAVE CHANGED"}}
	otherwise, judged := 0, 0
	for _, b := range tested {
		row := []string{b.Rollout, clock(b.Ended), b.Phase + " (" + b.Reason + ")", "-", "-", b.Trouble}
		if r := b.Replay; r != nil {
			judged++
			row[3], row[4] = thousands(int64(r.Looks)), thousands(int64(r.Otherwise))
			row[5] = strings.TrimSuffix(orDash(b.Change)+"; "+b.Trouble, "; ")
			if b.Change != "" {
				otherwise++
			}
		}
		rows = append(rows, row)
	}
	p.table(rows)
	p.line("")
	p.line("With %s %d of %d rollouts would have gone otherwise.", other.file, otherwise, judged)
	for _, name := range other.kept {
		p.field("NOTE", name+" stays as it was: what the logs hold was made by it")
	}
	return p.err
}

// Replayed is a replay as JSON.
type Replayed struct {
	Rollout   string                           `json:"rollout"`
	Programs  []string                         `json:"programs"`
	Looks     int                              `json:"looks"`
	Same      int                              `json:"same"`               // verdicts that are those of then, bit for bit
	Broken    []ReplayedSpan                   `json:"broken,omitempty"`   // where they are not
	Otherwise int                              `json:"otherwise"`          // looks whose outcome another policy would have changed
	Changed   []ReplayedSpan                   `json:"changed,omitempty"`  // those looks
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

// ReplayedSpan is a row of looks at which two verdicts differ in the same way.
type ReplayedSpan struct {
	From int            `json:"from"`
	To   int            `json:"to"`
	Then history.Ruling `json:"then"`
	Now  history.Ruling `json:"now"`
}

func shapeReplay(r history.Replay, other *otherPolicy) Replayed {
	out := Replayed{
		Rollout: r.Rollout, Programs: r.Programs, Looks: r.Looks, Same: r.Same, Strange: r.Strange,
		Then: r.Then.Last, Now: r.Now.Last, FirstThen: r.Then.First, FirstNow: r.Now.First,
	}
	if r.Looks > 0 {
		out.First, out.Last = moment(r.First.Statistics.At), moment(r.Last.Statistics.At)
	}
	if other != nil {
		out.Kept = other.kept
	}
	if r.Unread != nil {
		out.Unread = r.Unread.Error()
	}
	for _, s := range r.Broken {
		out.Broken = append(out.Broken, ReplayedSpan{s.From, s.To, s.Then, s.Now})
	}
	for _, s := range r.Changed {
		out.Changed = append(out.Changed, ReplayedSpan{s.From, s.To, s.Then, s.Now})
		out.Otherwise += s.To - s.From + 1
	}
	return out
}
