package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	gbdt "github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

func goldenCommand() *cobra.Command {
	var file, from string
	c := &cobra.Command{
		Use:   "golden --model FILE --from FILE",
		Short: "Make golden vectors of what a model's library answered",
		Long: "Predictions are CSV: a column a feature, and the library's answer in a column score or margin;\n" +
			"without a row of names it comes last and is a score. Where the model answers the same, a manifest's\n" +
			"golden vectors are printed. Where it does not, the usual causes are tried and what explains all\n" +
			"answers is named. The same file as " + release.PredictionsName + " beside a model without a manifest confirms it\n" +
			"when it is admitted.",
		Example: "  echo 0.61,0,3,1,4,12,0,,,,,,0.91511786 | sluice golden --model local/demo/models/better.tar.gz --from -",
		Args:    takes(0),
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" || from == "" {
				return wrongUsage("no model or no predictions: name their files with --model and --from")
			}
			return writeGolden(c.OutOrStdout(), c.InOrStdin(), file, from)
		},
	}
	c.Flags().StringVar(&file, "model", "", "`file` of the model, as a training job left it")
	c.Flags().StringVar(&from, "from", "", "`file` of the predictions, or - for standard input")
	return c
}

// mostPredictions bounds what is read of them.
const mostPredictions = 64 << 20

func writeGolden(out io.Writer, in io.Reader, file, from string) error {
	b, err := modelFile(file)
	if err != nil {
		return err
	}
	m, err := modelIn(file, b, gbdt.Reading{})
	if err != nil {
		return err
	}
	list, err := predictions(in, from, m)
	if err != nil {
		return err
	}
	read := func(by gbdt.Reading) (*gbdt.Model, error) { return modelIn(file, b, by) }
	if err := release.Differ(list, m, m.FeatureNames(), read); err != nil {
		return fmt.Errorf("%s does not answer as %s says: %w", file, named(from), err)
	}
	vectors := make([]release.Golden, len(list))
	for i, p := range list {
		vectors[i] = p.Vector(m)
	}
	written, err := json.MarshalIndent(vectors, "", " ")
	if err != nil {
		return fmt.Errorf("write the golden vectors: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s\n", written)
	return err
}

func predictions(in io.Reader, from string, m *gbdt.Model) ([]release.Prediction, error) {
	if from != "-" {
		file, err := os.Open(from)
		if err != nil {
			return nil, fmt.Errorf("read the predictions: %w", err)
		}
		defer file.Close()
		in = file
	}
	b, err := io.ReadAll(io.LimitReader(in, mostPredictions+1))
	if err == nil && len(b) > mostPredictions {
		err = fmt.Errorf("there are more than %d bytes, keep some of the rows", mostPredictions)
	}
	if err != nil {
		return nil, fmt.Errorf("read the predictions: %w", err)
	}
	list, err := release.Predictions(named(from), b, m.FeatureNames(), m.NumFeature())
	if err == nil && len(list) == 0 {
		err = wrongUsage("%s holds no predictions: write a row a line, with the library's answer", named(from))
	}
	return list, err
}

// named is what a file is called that may be standard input.
func named(file string) string {
	if file == "-" {
		return "standard input"
	}
	return file
}
