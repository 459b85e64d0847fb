package auction

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/sluicehq/sluice/inference/auction/world"
)

// Command is `sluice auction`: it loads a fleet until the duration is over or
// the context ends, and prints the summary.
func Command(ctx context.Context, args []string, out io.Writer) error {
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return nil
	}
	if err != nil {
		return err
	}
	o.config.World = world.New(o.config.Seed)
	w := &lines{out: out}
	if o.live {
		o.config.EverySecond = func(s Second) { w.json(s) }
	}
	s, err := Run(ctx, o.config)
	if err != nil {
		return err
	}
	if o.json {
		w.json(s)
	} else {
		w.text(s.table(o.explored))
	}
	return w.err
}

type options struct {
	config   Config
	json     bool
	live     bool
	explored bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	c := &o.config
	f := flag.NewFlagSet("sluice auction", flag.ContinueOnError)
	f.SetOutput(io.Discard) // errors are returned; help is printed below
	f.StringVar(&c.Target, "target", "", "`host:port` of the fleet's load balancer, or of one task")
	f.Float64Var(&c.Rate, "rate", 100, "auctions per second")
	f.IntVar(&c.Connections, "connections", 16, "long-lived connections")
	f.IntVar(&c.Depth, "depth", 1, "auctions in hand per connection, at most: above 1 they are pipelined")
	f.DurationVar(&c.Duration, "duration", 0, "how long auctions arrive; 0: until interrupted")
	f.StringVar((*string)(&c.Arrivals), "arrivals", string(Poisson), "poisson or uniform")
	f.StringVar((*string)(&c.Protocol), "protocol", string(FramedBinary), "framed-binary, framed-compact, binary or compact")
	f.IntVar(&c.Partners, "partners", MaxPartners, "demand partners asked about per auction, at most")
	f.Uint64Var(&c.First, "first", 0, "number of the first auction in the world, to hold others than somebody else did")
	f.Uint64Var(&c.Seed, "seed", 1, "of the world, the arrivals and all chance")
	f.DurationVar(&c.Deadline, "tmax", 100*time.Millisecond, "how long an auction waits for the filter before it goes on without")
	f.IntVar(&c.Queue, "queue", 0, "auctions that may wait for a connection; 0: all that arrive within two tmax")
	f.IntVar(&c.Retries, "retries", 3, "tries on another connection after one broke; -1: none")
	f.DurationVar(&c.ConnectionAge, "connection-age", time.Minute, "mean age at which a connection is replaced; -1s: never")
	f.Float64Var(&c.ReportShare, "report-share", 0.05, "share of auctions that were not explored whose outcome is reported too")
	f.BoolVar(&o.json, "json", false, "print the summary as JSON")
	f.BoolVar(&o.live, "live", false, "print a line of JSON every second")
	f.BoolVar(&o.explored, "explore-report", false, "print the bids lost by release and partner, as they are and as exploration shows them")
	err := f.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		_, _ = fmt.Fprintln(out, "sluice auction holds auctions against a fleet, as an exchange does.")
		f.SetOutput(out)
		f.PrintDefaults()
		return o, err
	case err != nil:
		return o, fmt.Errorf("%w: see sluice auction --help", err)
	case f.NArg() > 0:
		return o, fmt.Errorf("%q is not a flag: see sluice auction --help", f.Arg(0))
	}
	return o, nil
}

// lines writes whole lines and keeps the first error.
type lines struct {
	mu  sync.Mutex
	out io.Writer
	err error
}

func (l *lines) json(v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("auction: a summary of finite numbers did not marshal: " + err.Error())
	}
	l.text(string(b) + "\n")
}

func (l *lines) text(s string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return
	}
	if _, err := io.WriteString(l.out, s); err != nil {
		l.err = fmt.Errorf("print: %w", err)
	}
}

// table is the summary for people.
func (s Summary) table(explored bool) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, a ...any) { _, _ = fmt.Fprintf(w, format+"\n", a...) }
	a, f, c, l := s.Auctions, s.FailedBy, s.Connections, s.Latency
	row("load\t%s over %d connections to %s, %g auctions/s (%s), %.1f s", s.Protocol, c.Wanted, s.Target, s.Rate, s.Arrivals, s.Seconds)
	row("auctions\tsent %d, answered %d, degraded %d, failed %d (retried %d)", a.Sent, a.Answered, a.Degraded, a.Failed, a.Retried)
	if a.Failed > 0 {
		row("failed by\ttimeout %d, queue full %d, connection %d, bad answer %d", f.Timeout, f.QueueFull, f.Connection, f.BadAnswer)
	}
	row("latency\tp50 %s, p90 %s, p99 %s, p99.9 %s, max %s", micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
	row("late\tp50 %s, p99 %s: this program's own part of the latency", micros(s.Late.P50), micros(s.Late.P99))
	row("connections\topen %d, closed by server %d, broken %d, refused %d, rotated %d", c.Open, c.Closed, c.Broken, c.Refused, c.Rotated)
	row("reports\toutcomes %d in %d calls, dropped %d", s.Reports.Outcomes, s.Reports.Batches, s.Reports.Dropped)
	_ = w.Flush() // into memory
	s.worth(&b, explored)
	return b.String()
}

// worth prints what each release was worth, and with partners each of theirs.
func (s Summary) worth(b *strings.Builder, partners bool) {
	if len(s.Releases) == 0 {
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "release\tanswers\texplored\tcalls saved\tbids\tbids lost\tas explored")
	for _, r := range s.Releases {
		worthRow(w, fmt.Sprintf("%.12s\t%d\t%d", r.Release, r.Answers, r.Explored), r.Worth)
		if !partners {
			continue
		}
		for _, p := range r.Partners {
			worthRow(w, "  "+p.Partner+"\t\t", p.Worth)
		}
	}
	_ = w.Flush()
}

func worthRow(w io.Writer, head string, v Worth) {
	explored := "-"
	if v.ExploredBids > 0 {
		explored = fmt.Sprintf("%.2f %% of %d", 100*v.ExploredBidsLostShare, v.ExploredBids)
	}
	_, _ = fmt.Fprintf(w, "%s\t%.1f %%\t%d\t%.2f %%\t%s\n", head, 100*v.SavedShare, v.Bids, 100*v.BidsLostShare, explored)
}

// micros prints a number of microseconds.
func micros(us int64) string { return (time.Duration(us) * time.Microsecond).String() }
