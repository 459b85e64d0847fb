package cli

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// screen is a terminal that a page is drawn on, over and over, in place. It
// uses the terminal's other screen, so that what was there is there again
// afterwards.
type screen struct {
	out  io.Writer
	size func() (columns, rows int)
}

// The control sequences of ECMA-48 and xterm that it takes.
const (
	enterScreen = "\x1b[?1049h\x1b[?25l\x1b[2J" // the other screen, without a cursor
	leaveScreen = "\x1b[?25h\x1b[?1049l"
	toTop       = "\x1b[H"
	clearLine   = "\x1b[K"
	clearBelow  = "\x1b[J"
)

// terminal returns the terminal that out is, if it is one that can be drawn on.
func terminal(out io.Writer) (*screen, bool) {
	file, is := out.(*os.File)
	if term := os.Getenv("TERM"); !is || term == "" || term == "dumb" {
		return nil, false
	}
	if _, _, ok := sizeOf(file); !ok {
		return nil, false
	}
	return &screen{out: out, size: func() (int, int) {
		columns, rows, _ := sizeOf(file)
		return columns, rows
	}}, true
}

func (s *screen) open() error {
	_, err := io.WriteString(s.out, enterScreen)
	return err
}

// close leaves the last page behind, as text.
func (s *screen) close(last string) error {
	_, err := io.WriteString(s.out, leaveScreen+last)
	return err
}

// draw writes a page in one piece, cut to what there is room for.
func (s *screen) draw(text string) error {
	columns, rows := s.size()
	columns, rows = max(columns, 20), max(rows, 4)
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	if more := len(lines) - (rows - 1); more > 0 {
		lines = append(lines[:rows-2], fmt.Sprintf("… and %d more lines: a larger window shows them", more+1))
	}
	var b strings.Builder
	b.WriteString(toTop)
	for _, l := range lines {
		b.WriteString(shorten(printable(l), columns) + clearLine + "\r\n")
	}
	b.WriteString(clearBelow)
	_, err := io.WriteString(s.out, b.String())
	return err
}

// printable keeps what others have written, such as names and reasons, from
// steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, text)
}
