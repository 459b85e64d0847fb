package cli

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/judge"
)

func lintCommand() *cobra.Command {
	var o output
	var strict bool
	c := &cobra.Command{
		Use:   "lint FILE",
		Short: "Say what is wrong or unwise in a fleet file, and in which line",
		Long: "The file is read as the controller reads it, here, in S3 (s3://BUCKET/FOLDER/) or in a variable\n" +
			"(env:NAME); a folder has a file per fleet. Errors would keep the controller from starting, or from\n" +
			"taking a change. Warnings are legal and unwise, and do not fail without --strict.",
		Example: "  sluice lint local/demo/fleet.yaml",
		Args:    takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("no file: name a fleet file, or a folder of them")
			}
			place, err := filesHere(c.Context(), args[0])
			if err != nil {
				return err
			}
			remarks, files, err := controller.LintFleets(c.Context(), place)
			if err != nil {
				return err
			}
			return o.lint(c.OutOrStdout(), remarks, files, strict)
		},
	}
	c.Flags().BoolVar(&strict, "strict", false, "fail on warnings, too")
	o.formats(c)
	return c
}

func (o *output) lint(out io.Writer, remarks []controller.Remark, files int, strict bool) (err error) {
	wrong, unwise := 0, 0
	for _, r := range remarks {
		if r.Warning {
			unwise++
		} else {
			wrong++
		}
	}
	told := judge.Some(files, "file") + ", " + judge.Some(wrong, "error") + ", " + judge.Some(unwise, "warning")
	if o.data() {
		err = o.print(out, append([]controller.Remark{}, remarks...))
	} else {
		err = printRemarks(out, remarks, told)
	}
	if wrong > 0 || strict && unwise > 0 {
		err = errors.Join(err, errors.New(told))
	}
	return err
}

func printRemarks(out io.Writer, remarks []controller.Remark, told string) error {
	p := &page{out: out}
	for _, r := range remarks {
		at, kind := r.File, "error"
		if r.Line > 0 {
			at += fmt.Sprintf(":%d", r.Line)
		}
		if r.Column > 0 {
			at += fmt.Sprintf(":%d", r.Column)
		}
		if r.Warning {
			kind = "warning"
		}
		if says := r.Says; strings.HasPrefix(says, r.Setting) || !r.Warning {
			p.line("%s: %s: %s", at, kind, says)
		} else {
			p.line("%s: %s: %s: %s", at, kind, r.Setting, says)
		}
		if r.Excerpt != "" {
			p.line("%s", r.Excerpt)
		}
	}
	p.line("%s", told)
	return p.err
}
