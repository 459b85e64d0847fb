package cli

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// flagError says what is wrong with a flag, and which one may be meant.
func flagError(c *cobra.Command, err error) error {
	if unknown, is := errors.AsType[*pflag.NotExistError](err); is {
		names := &cobra.Command{SuggestionsMinimumDistance: 2} // whose commands are flags, for once
		c.Flags().VisitAll(func(f *pflag.Flag) {
			names.AddCommand(&cobra.Command{Use: f.Name, Run: func(*cobra.Command, []string) {}})
		})
		if near := names.SuggestionsFor(unknown.GetSpecifiedName()); len(near) > 0 {
			return wrongUsage("%w: did you mean --%s? see %s --help", err, near[0], c.CommandPath())
		}
	}
	return wrongUsage("%w: see %s --help", err, c.CommandPath())
}

// takes lets a command have up to so many arguments besides its flags.
func takes(most int) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) > most {
			return wrongUsage("%s takes no %q: see %s --help", c.Name(), args[most], c.CommandPath())
		}
		if slices.Contains(args, "") {
			return wrongUsage("%s has a name that is empty, as a variable that is not set leaves it: give it, or leave it out", c.Name())
		}
		return nil
	}
}

// saysSomething refuses flags with an empty value, as a variable that is not
// set leaves it: to be left out means something, and hardly that. Only what is
// told to people may be empty; verbs say where they want a reason.
func saysSomething(c *cobra.Command, _ []string) (err error) {
	c.Flags().Visit(func(f *pflag.Flag) {
		empty := f.Value.Type() == "string" && f.Value.String() == ""
		if list, is := f.Value.(pflag.SliceValue); is {
			empty = len(list.GetSlice()) == 0 || slices.Contains(list.GetSlice(), "")
		}
		if empty && f.Name != "why" && f.Name != "by" {
			err = wrongUsage("--%s is empty, as a variable that is not set leaves it: give it, or leave it out", f.Name)
		}
	})
	return err
}

// readsInput lets a command that reads standard input have nothing besides its
// flags.
func readsInput(c *cobra.Command, args []string) error {
	if len(args) > 0 {
		return wrongUsage("%s takes no %q, it reads standard input: %s < FILE; see %s --help", c.Name(), args[0], c.CommandPath(), c.CommandPath())
	}
	return nil
}

// doubleDashes writes long flags that have one dash, as earlier versions took
// them, with two, and says so.
func doubleDashes(c *cobra.Command, args []string, errOut io.Writer) []string {
	c.InitDefaultHelpFlag()
	out := make([]string, 0, len(args))
	var single []string
	for i := 0; i < len(args); i++ {
		a := args[i]
		if a == "--" {
			return append(out, args[i:]...)
		}
		name, _, whole := strings.Cut(strings.TrimLeft(a, "-"), "=")
		f := c.Flags().Lookup(name)
		if f == nil || !strings.HasPrefix(a, "-") || len(name) < 2 {
			out = append(out, a)
			continue
		}
		if !strings.HasPrefix(a, "--") {
			single = append(single, "--"+name)
			a = "-" + a
		}
		out = append(out, a)
		if !whole && f.NoOptDefVal == "" && i+1 < len(args) { // its value may begin with a dash
			i++
			out = append(out, args[i])
		}
	}
	if len(single) > 0 {
		fmt.Fprintf(errOut, "sluice: write %s with two dashes: the next version takes no other\n", strings.Join(single, ", "))
	}
	return out
}
