package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/controller/rollout"
)

// completionCommand is `sluice completion`.
func completionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "completion bash|zsh|fish",
		Short: "Print the completion of a shell",
		Long: "Commands and flags are completed, and fleets and rollouts where a controller answers.\n" +
			"For one shell: source <(sluice completion bash). For good: write it to where the shell looks,\n" +
			"such as /etc/bash_completion.d/sluice, \"${fpath[1]}/_sluice\" or ~/.config/fish/completions/sluice.fish.",
		Example:   "  source <(sluice completion bash)",
		ValidArgs: []string{"bash", "zsh", "fish"},
		Args:      takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("name the shell: sluice completion bash, zsh or fish")
			}
			switch args[0] {
			case "bash":
				err := c.Root().GenBashCompletionV2(c.OutOrStdout(), true)
				fmt.Fprint(c.OutOrStdout(), bashWords)
				return err
			case "zsh":
				return c.Root().GenZshCompletion(c.OutOrStdout())
			case "fish":
				return c.Root().GenFishCompletion(c.OutOrStdout(), true)
			}
			return wrongUsage("there is no completion for %q: want bash, zsh or fish", args[0])
		},
	}
}

// bashWords takes the place of what cobra's script asks the package
// bash-completion for, which many machines lack: the words up to the cursor.
const bashWords = `
__sluice_init_completion()
{
    local line=${COMP_LINE:0:COMP_POINT}
    read -ra words <<<"${line}"
    [[ ${line} == *[[:blank:]] ]] && words+=("")
    cword=$((${#words[@]} - 1))
    cur=${words[cword]} prev=${words[cword - 1]}
}
`

// plainFlags takes the backquotes out of what is said of flags, which help
// does by itself and completion does not.
func plainFlags(root *cobra.Command) {
	for _, c := range root.Commands() {
		c.Flags().VisitAll(func(f *pflag.Flag) { f.Usage = strings.ReplaceAll(f.Usage, "`", "") })
	}
}

// completionTimeout bounds how long a shell waits for a controller.
const completionTimeout = time.Second

// completeFleets and completeRollouts ask the controller; without one, there
// is nothing to complete.
func completeFleets(t *target) cobra.CompletionFunc {
	return func(c *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		_ = t.signIn() // who may not ask completes nothing
		names, _ := t.client.Fleets(ctx)
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeRollouts(t *target) cobra.CompletionFunc {
	return completeSome(t, func(api.Rollout) bool { return true })
}

// completeOpenRollouts offers those that a wish can still be about.
func completeOpenRollouts(t *target) cobra.CompletionFunc {
	return completeSome(t, func(r api.Rollout) bool { return !r.Final })
}

// completeReleases offers digests.
func completeReleases(t *target) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) (digests []string, _ cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		if t.signIn() == nil && len(args) == 0 {
			list, _ := t.client.Releases(ctx, listed)
			for _, r := range list {
				digests = append(digests, rollout.Short(r.Digest)+"\t"+r.Job)
			}
		}
		return digests, cobra.ShellCompDirectiveNoFileComp
	}
}

func completeSome(t *target, some func(api.Rollout) bool) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, _ string) (ids []string, _ cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(c.Context(), completionTimeout)
		defer cancel()
		if fleet, err := t.only(ctx); err == nil && len(args) == 0 {
			list, _ := t.client.Rollouts(ctx, fleet, listed)
			for _, r := range list {
				if some(r) {
					ids = append(ids, r.ID+"\t"+r.Phase)
				}
			}
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
