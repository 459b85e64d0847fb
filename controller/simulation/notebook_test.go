package simulation

import (
	"bytes"
	"crypto/sha256"
	"encoding/gob"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// A notebook is a file. It belongs to one program and the parts that it plays:
// what another one wrote, whose judge may be another, is thrown away.
type notebook struct {
	mu      sync.Mutex
	file    *os.File
	known   map[[2]int][]byte // by chapter and game
	chapter int
}

// page is a line of the file, but for the first, which names the program.
type page struct {
	Chapter, Game int
	Result        []byte // gob, as some results are infinite
}

// openNotebook reads the notebook at path, or begins it. Its last line may be
// torn, where a program was killed.
func openNotebook(path string, parts []Part) (*notebook, error) {
	program, err := digestOfProgram()
	if err != nil {
		return nil, err
	}
	program += fmt.Sprint(" ", parts) // chapters are numbered in their order
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("keep what is played: %w", err)
	}
	n := &notebook{file: file, known: map[[2]int][]byte{}}
	written, err := io.ReadAll(file)
	if err != nil {
		return nil, fmt.Errorf("read what was played: %w", err)
	}
	whole := bytes.LastIndexByte(written, '\n') + 1
	lines := bytes.Split(written[:whole], []byte("\n"))
	if string(lines[0]) != program {
		return n, n.begin(program)
	}
	for _, line := range lines[1 : len(lines)-1] {
		var p page
		if err := json.Unmarshal(line, &p); err != nil {
			return nil, fmt.Errorf("%s: %w; remove the file to play anew", path, err)
		}
		n.known[[2]int{p.Chapter, p.Game}] = p.Result
	}
	return n, n.cut(int64(whole))
}

func (n *notebook) begin(program string) error {
	if err := n.cut(0); err != nil {
		return err
	}
	return n.write([]byte(program))
}

// cut leaves so many bytes, to write on behind them.
func (n *notebook) cut(size int64) error {
	if err := n.file.Truncate(size); err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	if _, err := n.file.Seek(size, io.SeekStart); err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	return nil
}

// digestOfProgram tells this program from every other one.
func digestOfProgram() (string, error) {
	path, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("find this program: %w", err)
	}
	file, err := os.Open(path)
	if err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	defer file.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, file); err != nil {
		return "", fmt.Errorf("read this program: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (n *notebook) close() error {
	if err := n.file.Close(); err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	return nil
}

func (n *notebook) write(line []byte) error {
	if _, err := n.file.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	return nil
}

func (n *notebook) Turn() int {
	n.chapter++
	return n.chapter
}

func (n *notebook) Recall(chapter, game int, result any) bool {
	body, known := n.known[[2]int{chapter, game}]
	return known && gob.NewDecoder(bytes.NewReader(body)).Decode(result) == nil
}

func (n *notebook) Keep(chapter, game int, result any) error {
	var body bytes.Buffer
	if err := gob.NewEncoder(&body).Encode(result); err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	line, err := json.Marshal(page{chapter, game, body.Bytes()})
	if err != nil {
		return fmt.Errorf("keep what is played: %w", err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.write(line)
}

// What was played is not played again, however the program ended, by the same
// program alone; what failed is.
func TestNotebook(t *testing.T) {
	file := filepath.Join(t.TempDir(), "notebook")
	broken := errors.New("broken")
	run := func(fails int) (fresh, sum float64, err error) {
		n, err := openNotebook(file, Parts())
		if err != nil {
			return 0, 0, err
		}
		defer n.close()
		for chapter := range 2 {
			took := make([]float64, 3)
			plays := make([]float64, 3)
			err = played(n, len(took), func(i int) (path, error) {
				plays[i]++
				if chapter == 1 && i == fails {
					return path{}, broken
				}
				return path{Units: []float64{float64(10*chapter + i)}, Variance: []float64{math.Inf(1)}, Spoke: -1}, nil
			}, func(i int, p path) {
				if !math.IsInf(p.Variance[0], 1) || p.Spoke != -1 {
					t.Errorf("took %+v", p)
				}
				took[i] = p.Units[0]
			})
			for i := range took {
				fresh, sum = fresh+plays[i], sum+took[i]
			}
		}
		return fresh, sum, err
	}
	want := func(what string, fails int, wantFresh, wantSum float64, wantErr error) {
		t.Helper()
		if fresh, sum, err := run(fails); fresh != wantFresh || sum != wantSum || !errors.Is(err, wantErr) {
			t.Errorf("%s: played %g with results of %g and %v, want %g with %g and %v", what, fresh, sum, err, wantFresh, wantSum, wantErr)
		}
	}
	change := func(by func(string) string) {
		t.Helper()
		body, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(by(string(body))), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want("a fresh one", 2, 6, 24, broken)
	want("what failed", -1, 1, 36, nil)
	want("a whole one", -1, 0, 36, nil)
	change(func(s string) string { return s[:len(s)-5] })
	want("a torn line", -1, 1, 36, nil)
	want("a torn line, mended", -1, 0, 36, nil)
	change(func(s string) string { return "another program" + s[strings.Index(s, "\n"):] })
	want("another program's", -1, 6, 36, nil)
	change(func(s string) string { return s + "no page\n" })
	if _, _, err := run(-1); err == nil || !strings.Contains(err.Error(), "remove the file") {
		t.Errorf("a line that is no page: %v", err)
	}
}
