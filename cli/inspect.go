package cli

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	gbdt "github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

func inspectCommand() *cobra.Command {
	return &cobra.Command{
		Use:     "inspect FILE",
		Short:   "Say what a model file is, or why it would be refused",
		Long:    "The file is a model, or a model.tar.gz as a training job left it. Nothing in it is executed.",
		Example: "  sluice inspect local/demo/models/better.tar.gz",
		Args:    takes(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return wrongUsage("no file: name the file of a model, or a model.tar.gz")
			}
			return inspect(c.OutOrStdout(), args[0])
		},
	}
}

func inspect(out io.Writer, file string) error {
	b, err := modelFile(file)
	if err != nil {
		return err
	}
	m, err := modelIn(file, b, gbdt.Reading{})
	if err != nil {
		return err
	}
	version := m.Version()
	if version == "" {
		version = "not told"
	}
	trees := strconv.Itoa(m.Trees())
	if m.Trained() > m.Trees() {
		trees += fmt.Sprintf(" of %d, up to the best iteration", m.Trained())
	}
	if folds := len(m.Members()); folds > 0 {
		together := "whose mean answers"
		if m.Votes() {
			together = "whose vote answers"
		}
		trees += fmt.Sprintf(", in %d folds %s", folds, together)
	}
	features := strconv.Itoa(m.NumFeature())
	if names := m.FeatureNames(); len(names) > 0 {
		features += ": " + strings.Join(names[:min(len(names), 50)], ", ")
	}
	text := fmt.Sprintf("format     %s\nversion    %s\nobjective  %s\ntrees      %s\nfeatures   %s\nmemory     %d bytes\nevaluator  %s\n",
		m.Format(), version, m.Objective(), trees, features, m.MemoryBytes(), m.Evaluator())
	for _, note := range release.NotesOn(b, m) {
		text += "note       " + note + "\n"
	}
	_, err = io.WriteString(out, text)
	return err
}
