package cli

import (
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/docs"
)

// word is one that Sluice says, as docs/words.md explains it.
type word struct {
	Word    string `json:"word"`
	Kind    string `json:"kind"`              // the heading that it stands under
	Default string `json:"default,omitempty"` // of a setting
	Means   string `json:"means"`
	Do      string `json:"do,omitempty"`
}

func explainCommand() *cobra.Command {
	var o output
	c := &cobra.Command{
		Use:   "explain [WORD]",
		Short: "Say what a word means, and what to do",
		Long: "The word is a phase, reason, verdict, gate, metric or setting of the fleet file, as commands, log,\n" +
			"page and API say it. A setting may be cut short from the left: margin stands for all that end so.\n" +
			"Without a word all there are are listed. docs/words.md has the same.",
		Example: "  sluice explain candidate_worse\n" +
			"  sluice explain partner_margin",
		Args: takes(1),
		ValidArgsFunction: func(_ *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, w := range words() {
				if len(args) == 0 {
					names = append(names, w.Word+"\t"+w.Kind)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			found := words()
			if len(args) == 1 {
				var err error
				if found, err = find(found, args[0]); err != nil {
					return err
				}
			}
			switch {
			case o.data():
				return o.print(c.OutOrStdout(), found)
			case len(args) == 0:
				return listWords(c.OutOrStdout(), found)
			}
			return printWords(c.OutOrStdout(), found)
		},
	}
	o.formats(c)
	return c
}

// words reads the tables of docs/words.md: a word, the default of a setting,
// what it means, and what to do.
func words() (list []word) {
	kind := ""
	for line := range strings.Lines(docs.Words) {
		line = strings.TrimSpace(line)
		if heading, is := strings.CutPrefix(line, "## "); is {
			kind = heading
		}
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if !strings.HasPrefix(line, "| `") || len(cells) < 3 {
			continue
		}
		w := word{Word: strings.Trim(cells[0], "`"), Kind: kind, Means: cells[len(cells)-2], Do: cells[len(cells)-1]}
		if len(cells) == 4 {
			w.Default = strings.Trim(cells[1], "`")
		}
		list = append(list, w)
	}
	return list
}

// find returns all that a word may mean.
func find(list []word, text string) (found []word, err error) {
	text = strings.ToLower(strings.ReplaceAll(strings.TrimSpace(text), "-", "_"))
	near := &cobra.Command{SuggestionsMinimumDistance: 2} // whose commands are words, for once
	for _, w := range list {
		last := w.Word[strings.LastIndex(w.Word, ".")+1:]
		if w.Word == text || strings.HasSuffix(w.Word, "."+text) || strings.TrimPrefix(w.Word, "sluice_") == text {
			found = append(found, w)
		}
		near.AddCommand(&cobra.Command{Use: last, Run: func(*cobra.Command, []string) {}})
	}
	if len(found) > 0 {
		return found, nil
	}
	if names := near.SuggestionsFor(text); len(names) > 0 {
		slices.Sort(names)
		return nil, wrongUsage("nothing is called %q: did you mean %s? sluice explain lists all words", text, strings.Join(slices.Compact(names), " or "))
	}
	return nil, wrongUsage("nothing is called %q: sluice explain lists all words", text)
}

func printWords(out io.Writer, list []word) error {
	p := &page{out: out}
	for i, w := range list {
		if i > 0 {
			p.line("")
		}
		p.line("%s (%s)", w.Word, strings.ToLower(w.Kind[:1])+w.Kind[1:])
		if w.Default != "" {
			p.field("default", w.Default)
		}
		p.field("means", w.Means)
		if w.Do != "" {
			p.field("what to do", w.Do)
		}
	}
	return p.err
}

func listWords(out io.Writer, list []word) error {
	p := &page{out: out}
	kind := ""
	for _, w := range list {
		if w.Kind != kind {
			if kind != "" {
				p.line("")
			}
			kind = w.Kind
			p.line("%s:", kind)
		}
		p.line("  %-35s %s", w.Word, w.Means)
	}
	return p.err
}
