package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
)

// help tells what a command is for, how it is called, and an example. It is
// written without text/template, with which the linker could leave out nothing
// that is exported: of the AWS SDKs that is two thirds of the program.
func help(c *cobra.Command, table []*cobra.Command) {
	c.InitDefaultHelpFlag()
	out := c.OutOrStdout()
	if c.HasParent() {
		helpOne(out, c)
	} else {
		helpAll(out, c, table)
	}
}

func helpOne(out io.Writer, c *cobra.Command) {
	fmt.Fprintf(out, "%s.\n\n", c.Short)
	if c.Long != "" {
		fmt.Fprintf(out, "%s\n\n", strings.TrimSpace(c.Long))
	}
	fmt.Fprintf(out, "Usage:\n  %s\n\nExample:\n%s\n\nFlags:\n%s", c.UseLine(), c.Example, c.Flags().FlagUsagesWrapped(100))
}

func helpAll(out io.Writer, root *cobra.Command, table []*cobra.Command) {
	fmt.Fprintf(out, "%s\n\nUsage:\n  sluice COMMAND [flags]\n\nExample:\n%s\n", root.Long, root.Example)
	for _, g := range append(root.Groups(), &cobra.Group{Title: "Besides"}) {
		fmt.Fprintf(out, "\n%s:\n", g.Title)
		for _, c := range table {
			if c.GroupID == g.ID {
				fmt.Fprintf(out, "  %-12s %s\n", c.Name(), c.Short)
			}
		}
	}
	fmt.Fprint(out, "\nsluice help COMMAND tells more of a command; sluice --version tells the version.\n")
}

func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "help [COMMAND]",
		Short:   "Tell what there is, or more of one command",
		Example: "  sluice help rollback",
		Args:    takes(1),
		ValidArgsFunction: func(c *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, other := range c.Root().Commands() {
				if len(args) == 0 && other.IsAvailableCommand() {
					names = append(names, other.Name()+"\t"+other.Short)
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Root().Help()
			}
			for _, other := range c.Root().Commands() {
				if other.Name() == args[0] {
					return other.Help()
				}
			}
			return noCommand(c.Root(), args[0])
		},
	}
}
