package main

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"runtime"
	"strconv"

	"github.com/sluicehq/sluice/inference/model"
)

// Scorers of two programs take turns as children, each of which scores the
// trained model as often as it is told to.

// asked is one turn: so many auctions drawn by a seed, about partners of whom
// the scorer knows a thousand: about the same ones, or in each auction about
// others.
type asked struct {
	Seed     uint64
	Partners int
	Others   bool
	Prepare  bool // not that, but how long it takes to prepare the scorer
}

// scored is what it came to.
type scored struct {
	CPU       float64 // nanoseconds per row, or of preparing
	Margins   uint64  // hash of their bits
	Bytes     int64   // of the scorer
	Evaluator string
}

const (
	scoreCommand = "score"
	turnAuctions = 1024 // so many that it does not matter what was in the caches before
)

// answerTurns is a child.
func answerTurns(in io.Reader, out io.Writer, trees string) error {
	runtime.LockOSThread()
	n, err := strconv.Atoi(trees)
	if err != nil {
		return err
	}
	t, err := readTrained(n)
	if err != nil {
		return err
	}
	m, err := model.Parse(t.json())
	if err != nil {
		return err
	}
	of := t.auctions(len(t.partners))
	s := m.Prepare(of)
	var scratch model.Scratch
	answers := json.NewEncoder(out)
	for lines := bufio.NewScanner(in); lines.Scan(); {
		var q asked
		if err := json.Unmarshal(lines.Bytes(), &q); err != nil {
			return err
		}
		var a scored
		if q.Prepare {
			runtime.GC()
			start := cpuOf(process)
			s = m.Prepare(of)
			a.CPU = float64(cpuOf(process) - start)
		} else {
			a = t.turn(s, &scratch, q)
		}
		a.Bytes, a.Evaluator = s.MemoryBytes(), string(s.Evaluator())
		if err := answers.Encode(a); err != nil {
			return err
		}
	}
	return nil
}

// turn draws auctions and scores them.
func (t *trained) turn(s *model.Scorer, scratch *model.Scratch, q asked) scored {
	rng := rand.New(rand.NewPCG(6, q.Seed))
	same := rand.New(rand.NewPCG(7, uint64(q.Partners)))
	keys := make([]uint32, turnAuctions*q.Partners)
	for i := range keys {
		switch {
		case q.Others:
			keys[i] = uint32(rng.IntN(len(t.partners)))
		case i < q.Partners:
			keys[i] = uint32(same.IntN(len(t.partners)))
		default:
			keys[i] = keys[i-q.Partners]
		}
	}
	requests := make([][]float32, turnAuctions)
	for i := range requests {
		requests[i] = append(t.request(rng), make([]float32, t.features-len(t.tables))...)
	}
	rows, out := make([]float32, q.Partners*t.features), make([]float32, len(keys))
	start := cpuOf(thread)
	for i, request := range requests {
		from, to := i*q.Partners, (i+1)*q.Partners
		s.Begin(scratch, request)
		s.Margins(scratch, model.Batch{Keys: keys[from:to], Rows: rows, Out: out[from:to]})
	}
	took := cpuOf(thread) - start
	hash := fnv.New64a()
	for _, v := range out {
		hash.Write(binary.LittleEndian.AppendUint32(nil, math.Float32bits(v)))
	}
	return scored{CPU: float64(took) / float64(len(out)), Margins: hash.Sum64()}
}

// turner is a child that scores.
type turner struct {
	process *exec.Cmd
	in      io.WriteCloser
	out     *json.Decoder
}

func startTurner(ctx context.Context, program string, trees int, env ...string) (*turner, error) {
	t := &turner{process: exec.CommandContext(ctx, program, scoreCommand, strconv.Itoa(trees))}
	t.process.Stderr, t.process.Env = os.Stderr, append(os.Environ(), env...)
	var err error
	if t.in, err = t.process.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := t.process.StdoutPipe()
	if err != nil {
		return nil, err
	}
	t.out = json.NewDecoder(out)
	if err := t.process.Start(); err != nil {
		return nil, err
	}
	if _, err := t.ask(asked{Partners: 1}); err != nil { // until it has read its model
		return nil, errors.Join(fmt.Errorf("start a scorer: %w", err), t.stop())
	}
	return t, nil
}

func (t *turner) ask(q asked) (a scored, err error) {
	line, err := json.Marshal(q)
	if err != nil {
		return a, err
	}
	if _, err := t.in.Write(append(line, '\n')); err != nil {
		return a, err
	}
	return a, t.out.Decode(&a)
}

func (t *turner) stop() error {
	t.in.Close()
	return t.process.Wait()
}

// besideTurns measures the trained model beside the earlier program.
func besideTurns(ctx context.Context, self, earlier string) (rows []row, err error) {
	narrow := "GODEBUG=cpu.avx512f=off"
	type side struct{ ours, theirs *turner }
	sides := map[string]side{}
	for _, c := range []struct {
		name  string
		trees int
		env   []string
	}{{"200", benchTrees, nil}, {"1000", 1000, nil}, {"avx2", benchTrees, []string{narrow}}} {
		ours, err := startTurner(ctx, self, c.trees, c.env...)
		if err != nil {
			return nil, err
		}
		defer ours.stop()
		theirs, err := startTurner(ctx, earlier, c.trees)
		if err != nil {
			return nil, err
		}
		defer theirs.stop()
		sides[c.name] = side{ours, theirs}
	}
	different := 0.0
	for _, c := range []struct {
		name, side string
		q          asked
		aim        string
		floor      float64
	}{
		{"trained, 20 partners x 200 trees", "200", asked{Partners: 20}, "3.5x", 2.5},
		{"the same, each auction about another 20 of 1,000", "200", asked{Partners: 20, Others: true}, "2.1x", 1.6},
		{"100 partners x 200 trees", "200", asked{Partners: 100}, "5.5x", 4},
		{"1 partner x 200 trees", "200", asked{Partners: 1}, "2x", 1.5},
		{"20 partners x 1,000 trees", "1000", asked{Partners: 20}, "2.7x", 1.8},
		{"20 partners x 200 trees, in AVX2", "avx2", asked{Partners: 20}, "2x", 1.4},
	} {
		s := sides[c.side]
		var ours, theirs []float64
		for turn := range scoringTurns {
			c.q.Seed = uint64(turn)
			a, err := s.ours.ask(c.q)
			if err != nil {
				return nil, err
			}
			b, err := s.theirs.ask(c.q)
			if err != nil {
				return nil, err
			}
			ours, theirs = append(ours, a.CPU), append(theirs, b.CPU)
			if a.Margins != b.Margins {
				different++
			}
		}
		r := faster(c.name+", to "+before, "ns/row", ours, theirs, c.aim, c.floor)
		r.unbound = widest() != "avx512" && c.side != "avx2" || widest() == ""
		rows = append(rows, r)
	}
	more, err := preparing(sides["200"].ours, sides["200"].theirs)
	return append(append(rows, row{
		name: "turns of those whose margins differ from " + before + "'s", ours: math.NaN(), other: math.NaN(), value: different, attainable: "0", atMost: true,
	}), more...), err
}

// preparing measures what a release takes to prepare, and occupies, more than
// before. Both are told as differences.
func preparing(ours, theirs *turner) ([]row, error) {
	var took, before []float64
	var a, b scored
	var err error
	for range scoringTurns {
		if a, err = ours.ask(asked{Prepare: true}); err != nil {
			return nil, err
		}
		if b, err = theirs.ask(asked{Prepare: true}); err != nil {
			return nil, err
		}
		took, before = append(took, a.CPU/1e6), append(before, b.CPU/1e6)
	}
	mib := func(n int64) float64 { return float64(n) / (1 << 20) }
	return []row{
		{name: "preparing them takes longer by", unit: "ms CPU", ours: median(took), other: median(before), value: median(took) - median(before), floor: 50, atMost: true},
		{name: "and occupies more by", unit: "MiB", ours: mib(a.Bytes), other: mib(b.Bytes), value: mib(a.Bytes - b.Bytes), floor: 5, atMost: true},
	}, nil
}
