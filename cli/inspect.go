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
		Use:   "inspect FILE",
		Short: "Say what a model file is, or why it would be refused",
		Long: "The file is a model, or a model.tar.gz as a training job left it. Nothing in it is executed.\n" +
			"Features stand in the order of the columns of a row, and so do those that trees split by\n" +
			"category; columns without a name are told by their number, from 0 on.",
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
	text := fmt.Sprintf("format     %s\nversion    %s\nobjective  %s\ntrees      %s\nfeatures   %s\n%smemory     %d bytes\nevaluator  %s\n",
		m.Format(), version, m.Objective(), trees, columns(m.NumFeature(), m.FeatureNames()), categories(m), m.MemoryBytes(), m.Evaluator())
	for _, note := range release.NotesOn(b, m) {
		text += "note       " + note + "\n"
	}
	_, err = io.WriteString(out, text)
	return err
}

// columns tells how many features there are, and the first of their names.
func columns(n int, names []string) string {
	const most = 50
	told := strconv.Itoa(n)
	if len(names) > 0 {
		told += ": " + strings.Join(names[:min(len(names), most)], ", ")
	}
	if len(names) > most {
		told += fmt.Sprintf(", and %d more", len(names)-most)
	}
	return told
}

// categories is the line of the features that trees split by category, if any.
func categories(m *gbdt.Model) string {
	list := m.Categories()
	if len(list) == 0 {
		return ""
	}
	names := make([]string, len(list))
	for i, feature := range list {
		if names[i] = strconv.Itoa(feature); feature < len(m.FeatureNames()) {
			names[i] = m.FeatureNames()[feature]
		}
	}
	return fmt.Sprintf("categories %s\n", columns(len(list), names))
}
