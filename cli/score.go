package cli

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	gbdt "github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

func scoreCommand() *cobra.Command {
	var file string
	var raw bool
	c := &cobra.Command{
		Use:   "score --model FILE",
		Short: "Score rows with any model file, one prediction a line",
		Long: "Rows are read from standard input as CSV, a column a feature, in the order of the model or, where\n" +
			"a first row has the names of its features, in any. An empty cell is missing; an empty line is a row\n" +
			"only of a model of one feature. Margins are those of the library that wrote the file,\n" +
			"bit for bit, and scores as exact as its exponential: the last bit of a float32 may differ.",
		Example: "  echo 0.61,0,3,1,4,12,0,,,,, | sluice score --model local/demo/models/better.tar.gz",
		Args:    readsInput,
		RunE: func(c *cobra.Command, _ []string) error {
			if file == "" {
				return wrongUsage("no model: name the file of the model with --model")
			}
			m, err := readModel(file)
			if err != nil {
				return err
			}
			if !m.IsProven() {
				fmt.Fprintf(c.ErrOrStderr(), "sluice: the model is newer than what is known here, compare a few scores with its own: %s\n", m.Unproven())
			}
			answer := m.Score
			if raw {
				answer = m.Margin
			}
			return scoreRows(c.OutOrStdout(), c.InOrStdin(), m, answer)
		},
	}
	c.Flags().StringVar(&file, "model", "", "`file` of the model, as a training job left it: xgboost-model, model.txt or model.tar.gz")
	c.Flags().BoolVar(&raw, "raw", false, "print margins, before the link of the objective")
	return c
}

func readModel(file string) (*gbdt.Model, error) {
	b, err := modelFile(file)
	if err != nil {
		return nil, err
	}
	return modelIn(file, b, gbdt.Reading{})
}

// modelFile returns what a file holds.
func modelFile(file string) ([]byte, error) {
	if strings.HasPrefix(file, "s3://") {
		return nil, fmt.Errorf("read the model: %s is in S3; fetch it first, with aws s3 cp", file)
	}
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	if info.IsDir() {
		return nil, fmt.Errorf("read the model: %s is a folder; name the file in it", file)
	}
	if info.Size() > gbdt.MaxBytes {
		return nil, fmt.Errorf("read the model %s: it has %d bytes, at most %d are read", file, info.Size(), gbdt.MaxBytes)
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read the model: %w", err)
	}
	return b, nil
}

// modelIn reads the model that a file holds.
func modelIn(file string, b []byte, by gbdt.Reading) (*gbdt.Model, error) {
	m, err := release.ReadModelBy(b, by)
	if err != nil {
		return nil, fmt.Errorf("%s is refused: %w", file, err)
	}
	return m, nil
}

// scoreRows prints one answer per row of CSV. A first row of names says where
// the features stand, if the model knows their names.
func scoreRows(out io.Writer, in io.Reader, m *gbdt.Model, answer func([]float32) float32) error {
	rows := csv.NewReader(&everyLine{in: unmarked(in), begins: true})
	rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = m.NumFeature(), true, true
	buffered := bufio.NewWriter(out)
	row, order := make([]float32, m.NumFeature()), []int(nil)
	for number := 1; ; number++ {
		cells, err := rows.Read()
		if errors.Is(err, io.EOF) {
			return buffered.Flush()
		}
		if errors.Is(err, csv.ErrFieldCount) && len(cells) == 1 && cells[0] == "" {
			err = fmt.Errorf("row %d is empty, and no row is passed over in silence; write one of which nothing is known as %s", number, nothingKnown(m.NumFeature()))
		} else if errors.Is(err, csv.ErrFieldCount) {
			err = fmt.Errorf("row %d has %d cells, the model reads %d features%s", number, len(cells), m.NumFeature(), release.Miscounted(cells, m.NumFeature(), m.FeatureNames()))
		}
		head := false
		if err == nil && number == 1 {
			head, err = release.IsHead(cells, m.FeatureNames())
		}
		switch {
		case err != nil:
		case !head:
			if err = readRow(row, cells, order); err == nil {
				_, err = fmt.Fprintln(buffered, shortest(answer(row)))
			}
		case len(m.FeatureNames()) == m.NumFeature():
			order, err = release.Order(cells, m.FeatureNames())
		}
		if err != nil {
			return errors.Join(buffered.Flush(), fmt.Errorf("score the rows: %w", err))
		}
	}
}

// byteOrderMark begins files that some editors and spreadsheets write.
const byteOrderMark = "\ufeff"

// unmarked passes on what follows such a mark.
func unmarked(in io.Reader) *bufio.Reader {
	text := bufio.NewReader(in)
	if mark, _ := text.Peek(len(byteOrderMark)); string(mark) == byteOrderMark {
		_, _ = text.Discard(len(byteOrderMark)) // which were peeked at
	}
	return text
}

// nothingKnown spells a row of empty cells.
func nothingKnown(features int) string {
	const most = 40
	if features > most {
		return fmt.Sprintf("%d commas", features-1)
	}
	return strconv.Quote(strings.Repeat(",", features-1))
}

// everyLine passes CSV on with quotes in place of nothing in empty lines, which
// a csv.Reader would pass over: to a model of one feature they are rows.
type everyLine struct {
	in     *bufio.Reader
	begins bool   // a line begins
	due    string // to be passed on before anything else
}

// Read implements io.Reader.
func (e *everyLine) Read(p []byte) (int, error) {
	n := copy(p, e.due)
	e.due = e.due[n:]
	for n < len(p) {
		c, err := e.in.ReadByte()
		if err != nil {
			return n, err
		}
		if e.begins && (c == '\n' || c == '\r') {
			e.due = `""` + string(c)
			e.begins = c == '\n'
			more := copy(p[n:], e.due)
			n, e.due = n+more, e.due[more:]
		} else {
			p[n], e.begins = c, c == '\n'
			n++
		}
		if e.in.Buffered() == 0 {
			break
		}
	}
	return n, nil
}

// readRow reads numbers, in the order of the features that a first row named, or
// as they stand. An empty cell is missing.
func readRow(row []float32, cells []string, order []int) (err error) {
	for i, cell := range cells {
		at := i
		if order != nil {
			at = order[i]
		}
		if row[at], err = release.Cell(cell); err != nil {
			return err
		}
	}
	return nil
}

// shortest returns the fewest digits that say exactly which float32 it is.
func shortest(v float32) string { return strconv.FormatFloat(float64(v), 'g', -1, 32) }
