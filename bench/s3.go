package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/sluicehq/sluice/local"
)

// The local S3 is measured beside versitygw, which keeps objects as files and
// leaves it to the system when they reach the disk. Ours does the same for
// this; what it costs to be sure of every write stands in a row of its own.
const (
	s3Kind     kind = "s3"      // ours, at the mercy of the system
	s3SyncKind kind = "s3-sync" // ours, as it is by default

	s3Turns      = 11
	smallPuts    = 100 // a turn
	smallBytes   = 1 << 10
	largeBytes   = 100_000_000
	listedKeys   = 100_000
	s3Floor      = 1.5 // of small writes
	fillers      = 16
	bucketOfKeys = "keys"
)

// serveS3 is a child: the local AWS in a folder that goes with it.
func serveS3(ctx context.Context, k kind) error {
	dir, err := os.MkdirTemp("", "sluice-bench-s3-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	s, err := local.Start(ctx, local.Config{Dir: dir, Listen: "127.0.0.1:0", NoSync: k == s3Kind, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	if err := json.NewEncoder(os.Stdout).Encode(hello{Data: strings.TrimPrefix(s.URL(), "http://")}); err != nil {
		return err
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until who asked has enough
	return s.Close()
}

// store is a server of S3 that is measured.
type store struct {
	process *exec.Cmd
	url     string
	stop    func()
}

func startOurS3(ctx context.Context, k kind) (*store, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s := &store{process: exec.CommandContext(ctx, self, "serve", string(k), "0", "0", "0")}
	s.process.Stderr = os.Stderr
	in, err := s.process.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := s.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	s.stop = func() { in.Close(); _ = s.process.Wait() }
	var said hello
	if err := json.NewDecoder(out).Decode(&said); err != nil {
		return nil, fmt.Errorf("start the local S3: %w", err)
	}
	s.url = "http://" + said.Data
	return s, nil
}

func startVersitygw(ctx context.Context, program string) (*store, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := l.Addr().String()
	l.Close()
	dir, err := os.MkdirTemp("", "sluice-bench-versitygw-")
	if err != nil {
		return nil, err
	}
	root := filepath.Join(dir, "root")
	if err := os.Mkdir(root, 0o700); err != nil {
		return nil, err
	}
	s := &store{url: "http://" + address, process: exec.CommandContext(ctx, program, "--port", address, "--access", "test", "--secret", "testtest",
		"--region", "us-east-1", "--keep-alive", "--quiet", "posix", root)}
	if err := s.process.Start(); err != nil {
		return nil, err
	}
	s.stop = func() { _ = s.process.Process.Kill(); _ = s.process.Wait(); os.RemoveAll(dir) }
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if c, err := net.Dial("tcp", address); err == nil {
			return s, c.Close()
		}
	}
	s.stop()
	return nil, errors.New("versitygw does not listen")
}

// do sends a signed request and reads the answer to its end.
func (s *store) do(ctx context.Context, method, path string, body []byte) (answer []byte, err error) {
	r, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	const unsigned = "UNSIGNED-PAYLOAD"
	r.Header.Set("X-Amz-Content-Sha256", unsigned)
	pair := aws.Credentials{AccessKeyID: "test", SecretAccessKey: "testtest"}
	sign := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	if err := sign.SignHTTP(ctx, pair, r, unsigned, "s3", "us-east-1", time.Now()); err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var whole bytes.Buffer
	if method == http.MethodGet && strings.HasPrefix(path, "/large") {
		_, err = io.Copy(io.Discard, resp.Body)
	} else {
		_, err = whole.ReadFrom(resp.Body)
	}
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, whole.Bytes())
	}
	return whole.Bytes(), err
}

// peak is the most memory that the server has held since it was last asked.
func (s *store) peak() (float64, error) {
	of := fmt.Sprintf("/proc/%d/", s.process.Process.Pid)
	status, err := os.ReadFile(of + "status")
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
	if err != nil {
		return 0, err
	}
	return kib / 1024, os.WriteFile(of+"clear_refs", []byte("5"), 0)
}

// fill writes the keys that are listed.
func (s *store) fill(ctx context.Context) error {
	if _, err := s.do(ctx, http.MethodPut, "/"+bucketOfKeys, nil); err != nil {
		return err
	}
	next := make(chan int)
	var group sync.WaitGroup
	var failed error
	var once sync.Once
	for range fillers {
		group.Go(func() {
			for n := range next {
				if _, err := s.do(ctx, http.MethodPut, fmt.Sprintf("/%s/fleets/ads/looks/%08d.json", bucketOfKeys, n), []byte("{}")); err != nil {
					once.Do(func() { failed = err })
				}
			}
		})
	}
	for n := range listedKeys {
		next <- n
	}
	close(next)
	group.Wait()
	return failed
}

// list reads all pages, and says how many bytes they were.
func (s *store) list(ctx context.Context) (size float64, err error) {
	token, keys := "", 0
	for {
		query := "?list-type=2&max-keys=1000"
		if token != "" {
			query = "?continuation-token=" + aws.ToString(&token) + "&list-type=2&max-keys=1000"
		}
		page, err := s.do(ctx, http.MethodGet, "/"+bucketOfKeys+query, nil)
		if err != nil {
			return 0, err
		}
		size += float64(len(page))
		keys += bytes.Count(page, []byte("<Key>"))
		_, rest, more := bytes.Cut(page, []byte("<NextContinuationToken>"))
		if !more {
			break
		}
		raw, _, _ := bytes.Cut(rest, []byte("<"))
		token = strings.NewReplacer("+", "%2B", "/", "%2F", "=", "%3D").Replace(string(raw))
	}
	if keys != listedKeys {
		return 0, fmt.Errorf("%d keys listed, want %d", keys, listedKeys)
	}
	return size, nil
}

// inTurn measures both sides in turn, in milliseconds.
func inTurn(turns int, sides []*store, f func(s *store, turn int) error) (took [][]float64, err error) {
	took = make([][]float64, len(sides))
	for turn := range turns {
		for i, s := range sides {
			began := time.Now()
			if err := f(s, turn); err != nil {
				return nil, err
			}
			took[i] = append(took[i], float64(time.Since(began).Microseconds())/1000)
		}
	}
	return took, nil
}

// slower is a row whose ratio says how much longer we take.
func slower(name, unit string, ours, theirs []float64, ceiling float64) row {
	return row{name: name, unit: unit, ours: median(ours), other: median(theirs), value: ratio(theirs, ours), times: true, floor: ceiling, atMost: true}
}

// objects measures the local S3 beside versitygw.
func objects(ctx context.Context, versitygw string) (rows []row, err error) {
	ours, err := startOurS3(ctx, s3Kind)
	if err != nil {
		return nil, err
	}
	defer ours.stop()
	sure, err := startOurS3(ctx, s3SyncKind)
	if err != nil {
		return nil, err
	}
	defer sure.stop()
	theirs, err := startVersitygw(ctx, versitygw)
	if err != nil {
		return nil, err
	}
	defer theirs.stop()
	all := []*store{ours, theirs, sure}
	for _, s := range all {
		for _, bucket := range []string{"/small", "/large"} {
			if _, err := s.do(ctx, http.MethodPut, bucket, nil); err != nil {
				return nil, err
			}
		}
	}
	small, large := bytes.Repeat([]byte("x"), smallBytes), bytes.Repeat([]byte("0123456789"), largeBytes/10)
	puts, err := inTurn(s3Turns, all, func(s *store, turn int) error {
		for n := range smallPuts {
			if _, err := s.do(ctx, http.MethodPut, fmt.Sprintf("/small/%d/%d", turn, n), small); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	writes, err := inTurn(s3Turns, all, func(s *store, turn int) error {
		_, err := s.do(ctx, http.MethodPut, fmt.Sprintf("/large/%d", turn%2), large)
		return err
	})
	if err != nil {
		return nil, err
	}
	reads, err := inTurn(3*s3Turns, all[:2], func(s *store, turn int) error {
		_, err := s.do(ctx, http.MethodGet, "/large/1", nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	shown := func(r row) row { r.unbound = true; return r }
	rows = []row{
		slower("100 PUTs of 1 KiB, neither waits for the disk", "ms", puts[0], puts[1], s3Floor),
		shown(slower("the same, ours certain of each", "ms", puts[2], puts[1], 0)),
		slower("PUT of 100 MB, neither waits for the disk", "ms", writes[0], writes[1], 1),
		shown(slower("the same, ours certain of it", "ms", writes[2], writes[1], 0)),
		slower("GET of 100 MB", "ms", reads[0], reads[1], 1),
	}
	listed, err := listings(ctx, ours, theirs)
	return append(rows, listed...), err
}

func listings(ctx context.Context, ours, theirs *store) ([]row, error) {
	sides := []*store{ours, theirs}
	for _, s := range sides {
		if err := s.fill(ctx); err != nil {
			return nil, err
		}
		if _, err := s.peak(); err != nil {
			return nil, err
		}
	}
	sizes := map[*store]float64{}
	took, err := inTurn(3, sides, func(s *store, _ int) error {
		size, err := s.list(ctx)
		sizes[s] = size / 1e6
		return err
	})
	if err != nil {
		return nil, err
	}
	var memory [2]float64
	for i, s := range sides {
		if memory[i], err = s.peak(); err != nil {
			return nil, err
		}
	}
	one := func(v float64) []float64 { return []float64{v} }
	return []row{
		slower("100,000 keys listed", "ms", took[0], took[1], 1),
		slower("bytes of that on the wire", "MB", one(sizes[ours]), one(sizes[theirs]), 1),
		slower("the server's memory meanwhile, at most", "MiB", one(memory[0]), one(memory[1]), 1),
	}, nil
}
