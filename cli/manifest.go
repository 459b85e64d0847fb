package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

func manifestCommand() *cobra.Command {
	var t target
	c := &cobra.Command{
		Use:   "manifest [DIGEST]",
		Short: "Print the manifest of a release, of the one that serves if none is named",
		Long: "Training that is told --filter-rates and this file filters as much of every partner's requests\n" +
			"as the release does. A digest may be cut short.",
		Example: "  sluice manifest > serving.json",
		Args:    takes(1),

		ValidArgsFunction: completeReleases(&t),
		RunE: func(c *cobra.Command, args []string) error {
			return printManifest(c.Context(), c.OutOrStdout(), &t, args)
		},
	}
	t.flags(c)
	return c
}

func printManifest(ctx context.Context, out io.Writer, t *target, args []string) error {
	digest, err := t.serving(ctx, args)
	if err != nil {
		return err
	}
	manifest, err := t.client.Manifest(ctx, digest)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out, "%s\n", manifest)
	return err
}

// serving is the release that is named, or else the one that serves.
func (t *target) serving(ctx context.Context, args []string) (digest string, err error) {
	if len(args) == 1 {
		return resolve(ctx, t.client, args[0])
	}
	fleet, err := t.only(ctx)
	if err != nil {
		return "", err
	}
	f, err := t.client.Fleet(ctx, fleet)
	if err != nil {
		return "", err
	}
	if f.Stable == nil {
		return "", errors.New("nothing serves yet: the first release that is admitted goes live")
	}
	return f.Stable.Digest, nil
}
