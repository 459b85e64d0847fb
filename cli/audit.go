package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// auditFlags are those of `sluice audit`.
type auditFlags struct {
	target
	output
	export bool
	limit  int
}

func auditCommand() *cobra.Command {
	var a auditFlags
	c := &cobra.Command{
		Use:   "audit",
		Short: "Tell who asked for what, when, from where and why, and what became of it",
		Long: "The newest comes first. A name with a star is proven by sign-in; any other is what somebody\n" +
			"said. With --export everything is written as JSON, an entry on each line.",
		Example: "  sluice audit\n" +
			"  sluice audit --export > audit.jsonl",
		Args: takes(0),
		RunE: func(c *cobra.Command, _ []string) error { return a.run(c.Context(), c.OutOrStdout()) },
	}
	a.flags(c)
	a.formats(c)
	c.Flags().BoolVar(&a.export, "export", false, "print all entries there are, as lines of JSON")
	c.Flags().IntVar(&a.limit, "limit", listed, "`number` of entries to show")
	return c
}

func (a *auditFlags) run(ctx context.Context, out io.Writer) error {
	if a.limit < 1 || a.limit > api.MostListed {
		return wrongUsage("--limit is %d: want 1 to %d; --export tells all", a.limit, api.MostListed)
	}
	if err := a.signIn(); err != nil {
		return err
	}
	if a.export {
		return a.all(ctx, out)
	}
	found, err := a.client.Audit(ctx, a.fleet, "", a.limit)
	switch {
	case err != nil:
		return err
	case a.data():
		return a.print(out, found)
	}
	return printAudit(out, found)
}

// all prints every entry, page by page.
func (a *auditFlags) all(ctx context.Context, out io.Writer) error {
	lines := json.NewEncoder(out)
	for after := ""; ; {
		page, err := a.client.Audit(ctx, a.fleet, after, api.MostListed)
		if err != nil {
			return err
		}
		for _, e := range page.Entries {
			if err := lines.Encode(e); err != nil {
				return err
			}
		}
		if after = page.Next; after == "" {
			return nil
		}
	}
}

func printAudit(out io.Writer, a api.Audit) error {
	p := &page{out: out}
	if len(a.Entries) == 0 {
		p.line("Nobody has asked for anything yet.")
		return p.err
	}
	rows := [][]string{{"WHEN", "FLEET", "WHO", "FROM", "WHAT", "WHY, OR WHAT BECAME OF IT"}}
	for _, e := range a.Entries {
		rows = append(rows, []string{clock(e.At), orAll(e.Fleet), whoText(e), orDash(e.From), whatText(e), shorten(becameText(e), 100)})
	}
	p.table(rows)
	if a.Next != "" {
		p.line("and more: --limit shows them, --export all")
	}
	return p.err
}

func orAll(fleet string) string {
	if fleet == "" {
		return "all"
	}
	return fleet
}

func whoText(e api.AuditEntry) string {
	if e.How != "" {
		return e.By + "*"
	}
	return orDash(e.By)
}

func whatText(e api.AuditEntry) string {
	about := e.Rollout
	if e.Verb == string(rollout.VerbRollback) {
		about = "to " + rollout.Short(e.Release)
	}
	text := strings.TrimSpace(e.Verb + " " + about)
	if e.What != rollout.AuditAsked {
		text += ": " + e.Reason
	}
	if e.BreakGlass {
		text += " (glass broken)"
	}
	return text
}

func becameText(e api.AuditEntry) string {
	switch {
	case e.What != rollout.AuditAsked:
		return e.Sentence
	case e.Claim != "":
		return fmt.Sprintf("%s (called themself %s)", e.Why, e.Claim)
	}
	return orDash(e.Why)
}
