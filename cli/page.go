package cli

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// page collects lines for a terminal. The first error is kept, the rest of the
// page dropped.
type page struct {
	out io.Writer
	err error
}

func (p *page) line(format string, args ...any) {
	if p.err == nil {
		_, p.err = fmt.Fprintf(p.out, strings.TrimRight(format, " ")+"\n", args...)
	}
}

// field prints "name  text", further lines of text under the first.
func (p *page) field(name, text string) {
	for i, l := range wrap(text, 88) {
		if i > 0 {
			name = ""
		}
		p.line("%-10s %s", name, l)
	}
}

// table prints rows in columns, the first being their heads.
func (p *page) table(rows [][]string) {
	if p.err != nil {
		return
	}
	t := tabwriter.NewWriter(trimmed{p.out}, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintln(t, strings.Join(r, "\t"))
	}
	p.err = t.Flush()
}

// trimmed drops blanks at the ends of lines.
type trimmed struct{ out io.Writer }

func (t trimmed) Write(b []byte) (int, error) {
	lines := strings.Split(string(b), "\n")
	for i, l := range lines {
		if i < len(lines)-1 {
			lines[i] = strings.TrimRight(l, " ")
		}
	}
	if _, err := io.WriteString(t.out, strings.Join(lines, "\n")); err != nil {
		return 0, err
	}
	return len(b), nil
}

// wrap breaks text into lines of about width characters, at blanks.
func wrap(text string, width int) []string {
	lines := []string{""}
	for _, word := range strings.Split(text, " ") {
		last := &lines[len(lines)-1]
		switch {
		case *last == "":
			*last = word
		case len([]rune(*last))+1+len([]rune(word)) > width:
			lines = append(lines, word)
		default:
			*last += " " + word
		}
	}
	return lines
}
