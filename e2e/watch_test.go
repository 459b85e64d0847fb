//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
	"github.com/sluicehq/sluice/controller/rollout"
)

// tty is a terminal of a test: what a program writes to it is shown on a
// screen, as far as the few sequences go that sluice takes.
type tty struct {
	ptm, pts *os.File

	mu          sync.Mutex
	lines       []string // of the other screen
	row, column int
	other       bool // it is shown
	cursor      bool
	left        string // what was written besides it
	unknown     []string
}

func openTTY(t *testing.T, columns, rows int) *tty {
	t.Helper()
	ptm, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { ptm.Close() })
	n, err := unix.IoctlGetInt(int(ptm.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(ptm.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err != nil {
		t.Fatal(err)
	}
	pts, err := os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	s := &tty{ptm: ptm, pts: pts, cursor: true}
	s.resize(t, columns, rows)
	return s
}

func (s *tty) resize(t *testing.T, columns, rows int) {
	t.Helper()
	if err := unix.IoctlSetWinsize(int(s.ptm.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Col: uint16(columns), Row: uint16(rows)}); err != nil {
		t.Fatal(err)
	}
}

// read shows what is written, until nobody has the terminal any more.
func (s *tty) read() {
	b, pending := make([]byte, 4096), ""
	for {
		n, err := s.ptm.Read(b)
		pending = s.show(pending + string(b[:n]))
		if err != nil {
			return
		}
	}
}

// show takes in what was written, and returns what ends in the middle of a
// sequence.
func (s *tty) show(text string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for text != "" {
		end := 1
		if text[0] == '\x1b' {
			if end = strings.IndexFunc(text[min(2, len(text)):], func(r rune) bool { return r >= '@' && r <= '~' }) + 3; end < 3 {
				return text
			}
			s.control(text[:end])
		} else {
			if end = strings.IndexAny(text, "\x1b\r\n"); end < 0 {
				end = len(text)
			}
			end = max(end, 1)
			s.write(text[:end])
		}
		text = text[end:]
	}
	return ""
}

func (s *tty) control(sequence string) {
	switch sequence {
	case "\x1b[?1049h":
		s.other, s.lines, s.row, s.column = true, nil, 0, 0
	case "\x1b[?1049l":
		s.other = false
	case "\x1b[?25h", "\x1b[?25l":
		s.cursor = strings.HasSuffix(sequence, "h")
	case "\x1b[H":
		s.row, s.column = 0, 0
	case "\x1b[K":
		s.at(s.row)
		s.lines[s.row] = string([]rune(s.lines[s.row])[:min(s.column, len([]rune(s.lines[s.row])))])
	case "\x1b[J":
		s.lines = s.lines[:min(s.row, len(s.lines))]
	case "\x1b[2J":
		s.lines = nil
	default:
		s.unknown = append(s.unknown, strconv.Quote(sequence))
	}
}

func (s *tty) at(row int) {
	for len(s.lines) <= row {
		s.lines = append(s.lines, "")
	}
}

func (s *tty) write(text string) {
	switch {
	case !s.other:
		s.left += text
	case text == "\r":
		s.column = 0
	case text == "\n":
		s.row++
	default:
		s.at(s.row)
		line, runes := []rune(s.lines[s.row]), []rune(text)
		for len(line) < s.column+len(runes) {
			line = append(line, ' ')
		}
		copy(line[s.column:], runes)
		s.column += len(runes)
		s.lines[s.row] = string(line)
	}
}

func (s *tty) screen() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.Join(s.lines, "\n")
}

// TestWatchOnATerminal draws the status in place, follows what happens and the
// size of the window, and leaves the terminal as it was.
func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	f := apitest.Scene("canary", time.Now())
	c := apitest.Serve(t, f, api.Options{})
	s := openTTY(t, 110, 60)
	watch := exec.Command("sluice", "status", "--watch", "--api", c.Base)
	watch.Env = append(credentials(), "TERM=xterm")
	watch.Stdin, watch.Stdout, watch.Stderr = s.pts, s.pts, s.pts
	if err := watch.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = watch.Process.Kill() }) // it may have ended
	s.pts.Close()
	shown := make(chan struct{})
	go func() { defer close(shown); s.read() }()

	within(t, patience, "the status", func() (bool, string) {
		text := s.screen()
		return strings.Contains(text, "partner-blind  ✓ admitting ─ ✓ shadow ─ ● canary 1 ─ ○ canary 2") && strings.Contains(text, "\nserves     "), text
	})
	f.Mu.Lock()
	going := *f.Saved.Active // another, as whoever has read it keeps that one
	going.Phase, going.Reason = rollout.RollingBack, rollout.CandidateWorse
	f.Saved.Active = &going
	f.Mu.Unlock()
	f.Tell(rollout.Event{At: time.Now(), Rollout: "partner-blind", From: rollout.Canary, To: rollout.RollingBack, Reason: rollout.CandidateWorse, Sentence: "it is worse"})
	within(t, patience, "the event, and nothing of what was there", func() (bool, string) {
		text := s.screen()
		return strings.Contains(text, "● rolling back to stable") && strings.Contains(text, "  partner-blind  rolling_back (candidate_worse): ") && !strings.Contains(text, "✓ shadow"), text
	})
	s.resize(t, 50, 12)
	if err := watch.Process.Signal(unix.SIGWINCH); err != nil { // as it comes to who holds the terminal
		t.Fatal(err)
	}
	within(t, patience, "a page of that size", func() (bool, string) {
		text := s.screen()
		lines := strings.Split(text, "\n")
		fits := len(lines) <= 12
		for _, l := range lines {
			fits = fits && len([]rune(l)) <= 50
		}
		return fits && strings.Contains(text, "more lines: a larger window"), text
	})
	if err := watch.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := watch.Wait(); err != nil {
		t.Errorf("Ctrl-C ends it with %v", err)
	}
	<-shown
	if s.other || !s.cursor || len(s.unknown) > 0 || !strings.Contains(s.left, "serves     ") || strings.Contains(s.left, "\x1b") {
		t.Errorf("the terminal is left with other screen %v, cursor %v, unknown %v, and\n%s", s.other, s.cursor, s.unknown, s.left)
	}
}
