package inference

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/sluicehq/sluice/identity"
)

// tcpKeepAlive is well below the 350 s after which a network load balancer
// forgets a silent connection.
const tcpKeepAlive = 60 * time.Second

// Command runs one task until ctx ends; args are its flags. What it logs goes
// to out, as JSON lines.
//
// Every flag may be given as a variable too: --fleet as SLUICE_FLEET, and so
// on. SLUICE_TASK_ADDRESS is the address for ports whose flag names none.
func Command(ctx context.Context, args []string, out io.Writer) error {
	s, err := parseFlags(args, os.Getenv, out)
	if err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return nil
		}
		return err
	}
	if s.options.Name, err = taskName(ctx, s.options.Name, os.Getenv); err != nil {
		return err
	}
	bucket, err := OpenBucket(ctx, s.bucket, s.fetchTimeout)
	if err != nil {
		return err
	}
	s.options.Fetch = bucket
	s.options.Log = slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: s.level}))
	if s.options.MemoryBytes == 0 {
		s.options.MemoryBytes = containerLimitBytes()
	}
	TuneCollector(s.options.MemoryBytes)
	if s.options.Control, err = identity.Open(s.controlFiles, s.options.Log); err != nil {
		return fmt.Errorf("read the control port's credentials (--control-token-file, --control-cert, --control-key, --control-ca): %w", err)
	}
	if s.options.Data, err = identity.Open(s.dataFiles, s.options.Log); err != nil {
		return fmt.Errorf("read the data port's certificate (--cert, --key): %w", err)
	}
	task, err := New(s.options)
	if err != nil {
		return err
	}
	l, err := s.listen(ctx)
	if err != nil {
		return err
	}
	s.options.Log.InfoContext(ctx, "task listens", "fleet", s.options.Fleet, "task", s.options.Name,
		"data", l.Data.Addr().String(), "control", l.Control.Addr().String(), "http", l.HTTP.Addr().String())
	return task.Run(ctx, l)
}

// collectorPercent lets the heap grow to five times what lives. Only preparing
// a release allocates much, and a collection in the middle of it would take a
// processor from the auctions; what it leaves behind is given back later.
const collectorPercent = 400

// TuneCollector makes this process collect garbage as one that serves auctions
// should: seldom, unless it comes near memoryBytes; 0 for no limit. What the
// variables GOGC and GOMEMLIMIT say is left alone.
func TuneCollector(memoryBytes int64) {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(collectorPercent)
	}
	if memoryBytes > 0 && os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryBytes / 10 * 9) // collect harder before the kernel ends us
	}
}

// settings are the flags of one task.
type settings struct {
	options             Options
	bucket              string
	fetchTimeout        time.Duration
	level               slog.Level
	address             string
	data, control, http string
	controlFiles        identity.Files
	dataFiles           identity.Files
}

// parseFlags reads the flags, and for those not given the variables of the
// same name.
func parseFlags(args []string, env func(string) string, out io.Writer) (settings, error) {
	s := settings{options: DefaultOptions(), address: env("SLUICE_TASK_ADDRESS")}
	o := &s.options
	f := flag.NewFlagSet("sluice task", flag.ContinueOnError)
	f.StringVar(&o.Fleet, "fleet", "", "`name` of the fleet this task belongs to")
	f.StringVar(&s.bucket, "bucket", "", "S3 `bucket` of the control plane")
	f.StringVar(&o.Name, "task", "", "`name` of this task (default: its ARN, from the container agent)")
	f.StringVar(&s.data, "listen", ":9090", "`address` for auctions")
	f.StringVar(&s.control, "control-listen", ":9091", "`address` for the controller")
	f.StringVar(&s.http, "http-listen", ":9092", "`address` for /healthz, /readyz and /metrics")
	f.StringVar(&s.controlFiles.Token, "control-token-file", "", "`file` of the tokens that controllers may send, one per line; read again when it changes")
	f.StringVar(&s.controlFiles.Cert, "control-cert", "", "`file` of the control port's certificate, in PEM; read again when it changes")
	f.StringVar(&s.controlFiles.Key, "control-key", "", "`file` of its key")
	f.StringVar(&s.controlFiles.CA, "control-ca", "", "`file` of the CA whose certificates controllers must show")
	f.StringVar(&s.dataFiles.Cert, "cert", "", "`file` of the data port's certificate, in PEM; read again when it changes (default: no TLS)")
	f.StringVar(&s.dataFiles.Key, "key", "", "`file` of its key")
	f.TextVar(&s.level, "log-level", slog.LevelInfo, "debug, info, warn or error")
	f.IntVar(&o.MaxConnections, "max-connections", o.MaxConnections, "connections for auctions at once")
	f.IntVar(&o.MaxInHand, "max-in-hand", o.MaxInHand, "requests scored at once")
	f.DurationVar(&o.MaxWait, "max-wait", o.MaxWait, "how long a request waits for its turn before it is forwarded")
	f.DurationVar(&o.Deadline, "deadline", o.Deadline, "how long after its arrival a request is still scored; less where its tmax is less")
	f.IntVar(&o.MaxMessageBytes, "max-message", o.MaxMessageBytes, "`bytes` of one Thrift message")
	f.IntVar(&o.MaxElements, "max-elements", o.MaxElements, "elements in the lists of one Thrift message, all levels together")
	f.IntVar(&o.MaxPartners, "max-partners", o.MaxPartners, "partners that one request may ask about; with more it is forwarded")
	f.Int64Var(&o.MaxArchiveBytes, "max-archive", o.MaxArchiveBytes, "`bytes` of one release's archive")
	f.Int64Var(&o.MemoryBytes, "memory", 0, "`bytes` that loading a release must not exceed (default: the container's limit)")
	f.DurationVar(&s.fetchTimeout, "fetch-timeout", 30*time.Second, "how long one download may take")
	f.DurationVar(&o.ConnectionAge, "connection-age", o.ConnectionAge, "how old a connection may get, to spread them anew; 0 for any age")
	f.DurationVar(&o.IdleTimeout, "idle-timeout", o.IdleTimeout, "how long a connection may stay silent")
	f.DurationVar(&o.ReadTimeout, "read-timeout", o.ReadTimeout, "how long one message may take to arrive")
	f.DurationVar(&o.WriteTimeout, "write-timeout", o.WriteTimeout, "how long one reply may take to leave")
	f.DurationVar(&o.ReceiptAge, "receipt-age", o.ReceiptAge, "how old a reported outcome may be")
	f.DurationVar(&o.DrainDelay, "drain-delay", o.DrainDelay, "how long to accept after SIGTERM, while not ready")
	f.DurationVar(&o.DrainTimeout, "drain-timeout", o.DrainTimeout, "how long to finish after that")
	f.SetOutput(io.Discard) // what is wrong is in the error only
	if err := f.Parse(args); errors.Is(err, flag.ErrHelp) {
		f.SetOutput(out)
		f.Usage()
		return s, err
	} else if err != nil {
		return s, fmt.Errorf("%w: see %s --help", err, f.Name())
	}
	if f.NArg() > 0 {
		return s, fmt.Errorf("%q is not a flag: see %s --help", f.Arg(0), f.Name())
	}
	if err := fromEnv(f, env); err != nil {
		return s, err
	}
	switch {
	case o.Fleet == "":
		return s, errors.New("no fleet is named; set --fleet or SLUICE_FLEET")
	case s.bucket == "":
		return s, errors.New("no bucket is named; set --bucket or SLUICE_BUCKET")
	case s.controlFiles.Cert != "" && s.controlFiles.CA == "" && s.controlFiles.Token == "":
		return s, errors.New("--control-cert alone lets everybody in; set --control-ca or --control-token-file")
	case s.dataFiles.Cert == "" != (s.dataFiles.Key == ""):
		return s, errors.New("--cert and --key belong together")
	case s.fetchTimeout <= 0:
		return s, errors.New("--fetch-timeout must be more than zero")
	}
	return s, nil
}

// fromEnv sets the flags that were not given from SLUICE_ and their name.
func fromEnv(f *flag.FlagSet, env func(string) string) error {
	given := map[string]bool{}
	f.Visit(func(one *flag.Flag) { given[one.Name] = true })
	var failed error
	f.VisitAll(func(one *flag.Flag) {
		name := variable(one.Name)
		if v := env(name); v != "" && !given[one.Name] && failed == nil {
			if err := f.Set(one.Name, v); err != nil {
				failed = fmt.Errorf("%s is %q: %w: see %s --help", name, v, err, f.Name())
			}
		}
	})
	return failed
}

// variable is the environment's name for a flag.
func variable(flag string) string {
	b := []byte("SLUICE_" + flag)
	for i, c := range b {
		switch {
		case c >= 'a' && c <= 'z':
			b[i] = c - 'a' + 'A'
		case c == '-':
			b[i] = '_'
		}
	}
	return string(b)
}

// taskName is the name given, or else what the container agent says.
func taskName(ctx context.Context, given string, env func(string) string) (string, error) {
	if given != "" {
		return given, nil
	}
	agent := env("ECS_CONTAINER_METADATA_URI_V4")
	if agent == "" {
		return "", errors.New("this is no ECS task, so it has no name; set --task or SLUICE_TASK")
	}
	return taskARN(ctx, agent)
}

// listen opens the three ports, or none.
func (s settings) listen(ctx context.Context) (Listeners, error) {
	config := net.ListenConfig{KeepAlive: tcpKeepAlive}
	var open []net.Listener
	for _, p := range []struct{ flag, address string }{
		{"listen", s.data}, {"control-listen", s.control}, {"http-listen", s.http},
	} {
		l, err := config.Listen(ctx, "tcp", at(p.address, s.address))
		if err != nil {
			for _, other := range open {
				_ = other.Close() // it was never used
			}
			if errors.Is(err, syscall.EADDRINUSE) {
				err = errors.New("the port is in use")
			}
			return Listeners{}, fmt.Errorf("listen on %s: %w: choose another with --%s", at(p.address, s.address), err, p.flag)
		}
		open = append(open, l)
	}
	return Listeners{Data: open[0], Control: open[1], HTTP: open[2]}, nil
}

// at puts host in front of an address that names none.
func at(address, host string) string {
	if h, port, err := net.SplitHostPort(address); err == nil && h == "" {
		return net.JoinHostPort(host, port)
	}
	return address
}
