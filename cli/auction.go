package cli

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/content"
	"github.com/sluicehq/sluice/inference/auction"
	"github.com/sluicehq/sluice/inference/auction/world"
)

// auctionFlags are those of `sluice auction`.
type auctionFlags struct {
	output
	config   auction.Config
	live     bool
	explored bool

	limits     auction.Limits
	tls        bool
	ca         string // file
	serverName string

	audience     string // apps or sites; empty: both
	requests     string // file, or - for standard input
	histogram    string // file
	histogramLog string // file
	percentiles  io.Writer
}

func auctionCommand() *cobra.Command {
	var o auctionFlags
	load := &o.config
	c := &cobra.Command{
		Use:   "auction --target HOST:PORT",
		Short: "Send auctions to tasks as an exchange does, and measure",
		Long: "Auctions come from a seeded world, or from a file of OpenRTB requests. The summary says how\n" +
			"many were answered, how fast, and what each release was worth.",
		Example: "  sluice auction --target 127.0.0.1:9090 --rate 500 --duration 10s",
		Args:    takes(0),
		PreRunE: func(c *cobra.Command, _ []string) error {
			if o.audience != "" && (o.audience != "apps" && o.audience != "sites" || o.requests != "") {
				return wrongUsage("--audience is %q: want apps or sites, and no --requests", o.audience)
			}
			if o.requests == "" && (load.Replay.Once || load.Replay.Strict || load.Replay.PartnerNames != nil) {
				return wrongUsage("--once, --strict and --partner-names are about --requests, which names none")
			}
			if load.Call != auction.Decide && (c.Flags().Changed("partners") || load.Replay.PartnerNames != nil) {
				return wrongUsage("--partners and --partner-names are about --dialect decide: a call of filter asks one partner, which it names")
			}
			if load.Steps != nil && (c.Flags().Changed("rate") || c.Flags().Changed("duration")) {
				return wrongUsage("--steps says how long which rate is held: leave --rate and --duration out")
			}
			if err := o.limits.Check(); err != nil {
				return usageError{err}
			}
			return o.secure()
		},
		RunE: func(c *cobra.Command, _ []string) error { return o.hold(c.Context(), c.InOrStdin(), c.OutOrStdout()) },
	}
	f := c.Flags()
	f.StringSliceVar(&load.Targets, "target", nil, "`host:port` of the fleet's load balancer, or of a task; several with commas share the connections")
	f.BoolVar(&o.tls, "tls", false, "speak TLS, with the CAs of this machine")
	f.StringVar(&o.ca, "ca", "", "`file` of the CA whose certificates the targets show, in PEM: speak TLS")
	f.StringVar(&o.serverName, "server-name", "", "`host` that the targets' certificates name, where it is not theirs: speak TLS")
	f.Float64Var(&load.Rate, "rate", 100, "`number` of auctions a second")
	f.IntVar(&load.Connections, "connections", 16, "`number` of long-lived connections")
	f.IntVar(&load.Depth, "depth", 1, "`number` of auctions in hand per connection at most: above 1 they are pipelined")
	f.DurationVar(&load.Duration, "duration", 0, "`time` that auctions arrive; 0: until interrupted")
	f.Func("steps", "`rates` one after the other, as in 500@10s,1000@10s, instead of --rate and --duration", func(s string) (err error) {
		load.Steps, err = readSteps(s)
		return err
	})
	f.DurationVar(&load.Ramp, "ramp", 0, "`time` in which the rate rises to its value, or to that of the next step")
	f.DurationVar(&load.WarmUp, "warm-up", 0, "`time` before that whose auctions are held and count for nothing")
	f.DurationVar(&o.limits.P99, "max-p99", 0, "`time` that p99 of the latency must not exceed, in no step either, or it ends with status 1; 0: any")
	f.Float64Var(&o.limits.Failed, "max-failed", -1, "`share` of the auctions that may fail or be degraded, in each step too, or it ends with status 1; -1: any")
	f.StringVar((*string)(&load.Arrivals), "arrivals", string(auction.Poisson), "`law` of arrivals: poisson or uniform")
	f.StringVar((*string)(&load.Call), "dialect", string(auction.Decide), "`name` of what auctions ask: decide; filter, the published call about one partner, each in turn; or kit, the same in the published client's numbers")
	f.StringVar((*string)(&load.Protocol), "protocol", string(auction.FramedBinary), "`name` of the protocol: framed-binary, framed-compact, binary or compact")
	f.IntVar(&load.Partners, "partners", 0, "`number` of demand partners asked about per auction at most; 0: all of them")
	load.Replay = &auction.Replay{}
	f.StringVar(&o.requests, "requests", "", "`file` of OpenRTB requests to replay, one JSON object a line, plain or gzip; - for standard input; a seeded world where it is left out")
	f.StringVar(&o.audience, "audience", "", "`part` of the seeded world whose auctions are held, as clients of one zone may differ from those of another: apps or sites; both where it is left out")
	f.BoolVar(&load.Replay.Once, "once", false, "end with the requests' last line, and read them while auctions run")
	f.BoolVar(&load.Replay.Strict, "strict", false, "end at the first line of the requests that cannot be taken")
	f.Func("partner-names", "`names` of partners to ask, as in a,b,c, instead of those that the requests name", func(s string) error {
		load.Replay.PartnerNames = strings.Split(s, ",")
		return nil
	})
	f.StringVar(&o.histogram, "histogram", "", "`file` to write the latencies to, as HdrHistogram's plotters read them (.hgrm)")
	f.StringVar(&o.histogramLog, "histogram-log", "", "`file` to write the latencies of every second to, in HdrHistogram's log format")
	f.Uint64Var(&load.First, "first", 0, "`number` of the first auction in the world, to hold others than somebody else did")
	f.Uint64Var(&load.Seed, "seed", 1, "`number` that makes the world, the arrivals and all chance")
	f.DurationVar(&load.Deadline, "tmax", 100*time.Millisecond, "`time` that an auction waits for the filter before it goes on without")
	f.IntVar(&load.Queue, "queue", 0, "`number` of auctions that may wait for a connection; 0: all that arrive within two tmax")
	f.IntVar(&load.Retries, "retries", 3, "`number` of tries on another connection after one broke; -1: none")
	f.DurationVar(&load.ConnectionAge, "connection-age", time.Minute, "mean `age` at which a connection is replaced; -1s: never")
	f.Float64Var(&load.ReportShare, "report-share", 0.05, "`share` of auctions that were not explored whose outcome is reported too")
	o.formats(c)
	f.BoolVar(&o.live, "live", false, "print a line of JSON every second")
	f.BoolVar(&o.explored, "explore-report", false, "print the bids lost by release and partner, as they are and as exploration shows them")
	return c
}

// hold loads a fleet until the duration is over or the context ends, and
// prints the summary.
func (o *auctionFlags) hold(ctx context.Context, in io.Reader, out io.Writer) error {
	w := &lines{out: out}
	if o.live {
		o.config.EverySecond = func(s auction.Second) { w.json(s) }
	}
	err := o.files(in, func() error { return o.run(ctx, w) })
	return errors.Join(err, w.err)
}

// run holds the auctions and prints what became of them. A replay that ends
// with an error is summed up all the same.
func (o *auctionFlags) run(ctx context.Context, w *lines) error {
	l, err := auction.New(o.config)
	if err != nil {
		return usageError{err}
	}
	s, err := l.Run(ctx)
	if err != nil && s.Auctions.Sent == 0 {
		return err
	}
	switch {
	case o.format == "yaml":
		w.yaml(s)
	case o.data():
		w.json(s)
	default:
		w.text(summaryTable(s, o.explored, o.config.TLS != nil))
	}
	if o.percentiles != nil {
		err = errors.Join(err, l.WriteHistogram(o.percentiles))
	}
	return errors.Join(err, o.limits.Hold(s))
}

// secure puts TLS between where a flag asks for it.
func (o *auctionFlags) secure() error {
	if !o.tls && o.ca == "" && o.serverName == "" {
		return nil
	}
	o.config.TLS = &tls.Config{ServerName: o.serverName}
	if o.ca == "" {
		return nil
	}
	pem, err := content.Read(o.ca, 1<<20)
	if err != nil {
		return fmt.Errorf("read --ca: %w", err)
	}
	if o.config.TLS.RootCAs = x509.NewCertPool(); !o.config.TLS.RootCAs.AppendCertsFromPEM(pem) {
		return wrongUsage("--ca: %s holds no certificate in PEM", o.ca)
	}
	return nil
}

// readSteps reads steps as in 500@10s,1000@10s.
func readSteps(s string) (steps []auction.Step, err error) {
	for one := range strings.SplitSeq(s, ",") {
		rate, length, ok := strings.Cut(one, "@")
		step := auction.Step{}
		if step.Rate, err = strconv.ParseFloat(rate, 64); err == nil && ok {
			step.For, err = time.ParseDuration(length)
		}
		if err != nil || !ok {
			return nil, fmt.Errorf("%q is no rate and time, as in 500@10s", one)
		}
		steps = append(steps, step)
	}
	return steps, nil
}

// files opens what the flags name, for as long as do takes.
func (o *auctionFlags) files(in io.Reader, do func() error) (err error) {
	for _, f := range []struct {
		name string
		to   *io.Writer
	}{{o.histogram, &o.percentiles}, {o.histogramLog, &o.config.HistogramLog}} {
		if f.name == "" {
			continue
		}
		file, e := os.Create(f.name)
		if e != nil {
			return fmt.Errorf("create the histogram: %w", e)
		}
		w := bufio.NewWriter(file)
		*f.to = w
		defer func() { err = errors.Join(err, w.Flush(), file.Close()) }()
	}
	switch o.requests {
	case "":
		o.config.Replay = nil
		market := world.New(o.config.Seed)
		if o.config.World = market; o.audience != "" {
			o.config.World = world.Audience{World: market, Apps: o.audience == "apps"}
		}
	case "-":
		o.config.Replay.Input = in
	default:
		file, e := os.Open(o.requests)
		if e != nil {
			return fmt.Errorf("open the requests: %w", e)
		}
		defer func() { _ = file.Close() }() // it was only read
		o.config.Replay.Input = file
	}
	return do()
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

func (l *lines) yaml(v any) {
	var b strings.Builder
	if err := printYAML(&b, v); err != nil {
		panic("auction: a summary of finite numbers did not marshal: " + err.Error())
	}
	l.text(b.String())
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
func summaryTable(s auction.Summary, explored, secure bool) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(format string, a ...any) { _, _ = fmt.Fprintf(w, format+"\n", a...) }
	a, f, c, l := s.Auctions, s.FailedBy, s.Connections, s.Latency
	row("load\t%s, %s over %d connections to %s, %g auctions/s (%s), %.1f s", s.Call, s.Protocol, c.Wanted, s.Target, s.Rate, s.Arrivals, s.Seconds)
	if s.WarmUp > 0 {
		row("warm-up\t%d auctions before that, which count for nothing", s.WarmUp)
	}
	row("auctions\tsent %d, answered %d, degraded %d, failed %d (retried %d)", a.Sent, a.Answered, a.Degraded, a.Failed, a.Retried)
	if a.AnsweredLate > 0 {
		row("\tanswered too late %d", a.AnsweredLate)
	}
	if a.Failed > 0 {
		row("failed by\ttimeout %d, queue full %d, connection %d, bad answer %d", f.Timeout, f.QueueFull, f.Connection, f.BadAnswer)
	}
	row("latency\tp50 %s, p90 %s, p99 %s, p99.9 %s, max %s", micros(l.P50), micros(l.P90), micros(l.P99), micros(l.P999), micros(l.Max))
	if s.CPU > 0 {
		row("cpu\t%.1f us per auction, of this program", s.CPU)
	}
	row("late\tp50 %s, p99 %s: this program's own part of the latency", micros(s.Late.P50), micros(s.Late.P99))
	row("connections\topen %d, closed by server %d, broken %d, refused %d, rotated %d", c.Open, c.Closed, c.Broken, c.Refused, c.Rotated)
	if c.Unheard > 0 && a.Answered+a.Degraded == 0 {
		row("\t%s", hangsUp(secure, c.Unheard))
	}
	row("reports\toutcomes %d in %d calls, dropped %d", s.Reports.Outcomes, s.Reports.Batches, s.Reports.Dropped)
	if r := s.Requests; r != nil {
		row("requests\ttaken %d of %d lines, auctions waited %.1f s for them", r.Taken, r.Lines, r.Starved)
		for _, n := range r.Named {
			row("\tskipped line %d: %s", n.Line, n.Reason)
		}
	}
	_ = w.Flush() // into memory
	stepTable(&b, s.Steps)
	worthTable(&b, s, explored)
	return b.String()
}

// hangsUp says why a target may close connections before it answers anything.
func hangsUp(secure bool, times int64) string {
	if secure {
		return fmt.Sprintf("closed %d times before any answer: is it a task's auction port (--listen), and does it take TLS?", times)
	}
	return fmt.Sprintf("closed %d times before any answer: does it want TLS (--tls, --ca)? else, is it a task's auction port (--listen), without --proxy-protocol?", times)
}

// stepTable prints what became of each rate, where there were several.
func stepTable(b *strings.Builder, steps []auction.StepSummary) {
	if len(steps) == 0 {
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "rate\tsent\tanswered\tdegraded\tfailed\tp50\tp99\tmax")
	for _, s := range steps {
		a := s.Auctions
		_, _ = fmt.Fprintf(w, "%g\t%d\t%d\t%d\t%d\t%s\t%s\t%s\n", s.Rate, a.Sent, a.Answered, a.Degraded, a.Failed, micros(s.Latency.P50), micros(s.Latency.P99), micros(s.Latency.Max))
	}
	_ = w.Flush() // into memory
}

// worth prints what each release was worth, and with partners each of theirs.
func worthTable(b *strings.Builder, s auction.Summary, partners bool) {
	if len(s.Releases) == 0 {
		return
	}
	b.WriteByte('\n')
	w := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "release\tanswers\tp50\tp99\texplored\tcalls saved\tbids\tbids lost\tas explored")
	for _, r := range s.Releases {
		worthRow(w, fmt.Sprintf("%.12s\t%d\t%s\t%s\t%d", r.Release, r.Answers, micros(r.Latency.P50), micros(r.Latency.P99), r.Explored), r.Worth)
		if !partners {
			continue
		}
		for _, p := range r.Partners {
			worthRow(w, "  "+p.Partner+"\t\t\t\t", p.Worth)
		}
	}
	_ = w.Flush()
}

func worthRow(w io.Writer, head string, v auction.Worth) {
	lost, explored := "-", "-" // where nobody bid, or nobody knows
	if v.Bids > 0 {
		lost = fmt.Sprintf("%.2f %%", 100*v.BidsLostShare)
	}
	if v.ExploredBids > 0 {
		explored = fmt.Sprintf("%.2f %% of %d", 100*v.ExploredBidsLostShare, v.ExploredBids)
	}
	_, _ = fmt.Fprintf(w, "%s\t%.1f %%\t%d\t%s\t%s\n", head, 100*v.SavedShare, v.Bids, lost, explored)
}

// micros prints a number of microseconds.
func micros(us int64) string { return (time.Duration(us) * time.Microsecond).String() }
