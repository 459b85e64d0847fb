package release

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/sluicehq/sluice/inference/model"
)

// PredictionsName is the file beside a model without a manifest that holds a
// few answers of the library that trained it.
const PredictionsName = "predictions.csv"

// Prediction is a row and what a library answered for it.
type Prediction struct {
	Features []*float32
	Margin   bool   // the answer is a margin, else a score
	Answer   string // as it was written, for its digits tell how exact it is

	row    int    // of the file, whose first may name the columns
	beside digits // of the answers in the same file
}

// Predictions reads CSV: a column a feature and then the answer. A first row
// names the columns, in any order; the answer is called score, prediction or
// margin. Without one they stand in the order of the model, and the answer is a
// score. An empty cell is missing. The error is a Refusal, which calls them file.
func Predictions(file string, b []byte, names []string, features int) ([]Prediction, error) {
	rows := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf"))))
	rows.FieldsPerRecord, rows.ReuseRecord, rows.TrimLeadingSpace = features+1, true, true
	if len(names) != features {
		names = nil
	}
	columns := columns{at: make([]int, features), answer: features}
	for i := range columns.at {
		columns.at[i] = i
	}
	var list []Prediction
	for line := 1; ; line++ {
		cells, err := rows.Read()
		switch {
		case errors.Is(err, io.EOF):
			most := digitsIn(list)
			for i := range list {
				list[i].beside = most
			}
			return list, nil
		case errors.Is(err, csv.ErrFieldCount):
			return nil, refuse(BadGolden, "row %d of %s has %d cells, want %d features and an answer%s", line, file, len(cells), features, Miscounted(cells, features+1, names))
		case err != nil:
			return nil, refuse(BadGolden, "%s cannot be read: %v", file, err)
		case len(list) == MaxGolden:
			return nil, refuse(TooLarge, "%s has more than %d rows; keep some of them", file, MaxGolden)
		}
		if line == 1 {
			is, err := IsHead(cells, names)
			if err != nil {
				return nil, refuse(BadGolden, "%s: %v", file, err)
			}
			if is {
				if columns, err = named(file, cells, names); err != nil {
					return nil, err
				}
				continue
			}
		}
		p, err := columns.read(cells)
		if err != nil {
			return nil, refuse(BadGolden, "row %d of %s: %v", line, file, err)
		}
		p.row = line
		list = append(list, p)
	}
}

// columns says where in a row things stand.
type columns struct {
	at     []int // of features
	answer int
	margin bool
}

// named reads a first row.
func named(file string, cells, names []string) (columns, error) {
	c := columns{at: slices.Repeat([]int{-1}, len(cells)-1), answer: -1}
	known, place := placesOf(names), 0
	for i, cell := range cells {
		switch name := strings.TrimSpace(cell); {
		case isAnswer(name) && known.of(name) < 0 && c.answer < 0:
			c.answer, c.margin = i, strings.EqualFold(name, "margin")
		case len(names) == 0 && place < len(c.at): // the model does not name its features
			c.at[place] = i
			place++
		default:
			f := known.of(name)
			if f < 0 {
				return c, refuse(BadGolden, "%s has a column %.60q, which is no feature of the model; name the answer score or margin", file, name)
			}
			c.at[f] = i
			place++
		}
	}
	if c.answer < 0 || place != len(c.at) {
		return c, refuse(BadGolden, "%s has no column score or margin among its %d; name the answer of the library so", file, len(cells))
	}
	if slices.Contains(c.at, -1) {
		return c, refuse(BadGolden, "%s names a column twice; name each feature once", file)
	}
	return c, nil
}

// places are where the features of a model stand, by their names.
type places map[string]int

func placesOf(names []string) places {
	p := make(places, len(names))
	for f, name := range names {
		p[name] = f
	}
	for f, name := range names {
		if _, known := p[plain(name)]; !known {
			p[plain(name)] = f
		}
	}
	return p
}

// of finds a name; -1 for none.
func (p places) of(name string) int {
	if f, known := p[name]; known {
		return f
	}
	if f, known := p[plain(name)]; known {
		return f
	}
	return -1
}

// plain is a name without the spaces around it, which readers of CSV take off,
// as LightGBM writes it.
func plain(name string) string { return spaceless(strings.TrimSpace(name)) }

// spaceless is a name as LightGBM writes it.
func spaceless(name string) string { return strings.ReplaceAll(name, " ", "_") }

// Order reads a first row of CSV that names the features of a model: the
// feature that each column is.
func Order(cells, names []string) ([]int, error) {
	order, known := make([]int, len(cells)), placesOf(names)
	seen := make([]bool, len(names))
	for i, cell := range cells {
		name := strings.TrimSpace(cell)
		switch f := known.of(name); {
		case f < 0:
			const most = 20
			return nil, fmt.Errorf("column %.60q is no feature of the model, which reads %s; name the columns so, in any order, or leave the first row out", name, strings.Join(names[:min(len(names), most)], ", "))
		case seen[f]:
			return nil, fmt.Errorf("column %.60q stands twice; name each feature once", name)
		default:
			order[i], seen[f] = f, true
		}
	}
	return order, nil
}

// Miscounted says why a row of CSV may have another number of cells than wanted,
// or nothing. names are those of the features, where they have any.
func Miscounted(cells []string, want int, names []string) string {
	if len(cells) == 1 && want > 1 && strings.ContainsAny(cells[0], ";\t") {
		return "; separate cells by commas"
	}
	if head, err := IsHead(cells, names); err == nil && head && len(names) > 0 {
		if why := unlike(cells, names); why != "" {
			return why
		}
	}
	if len(cells) == want+1 {
		return "; leave out the numbers of rows, as to_csv(index=False) does"
	}
	return ""
}

// unlike says which column a first row has too much, or else which it lacks. One
// without a name holds the numbers of rows.
func unlike(cells, names []string) string {
	known, seen := placesOf(names), make([]bool, len(names))
	for _, cell := range cells {
		name := strings.TrimSpace(cell)
		switch f := known.of(name); {
		case f >= 0:
			seen[f] = true
		case name == "":
			return ""
		case !isAnswer(name):
			return fmt.Sprintf("; %.60q is no feature of the model: leave that column out", name)
		}
	}
	if f := slices.Index(seen, false); f >= 0 {
		return fmt.Sprintf("; the feature %.60q has no column: write one, with empty cells where it is missing", names[f])
	}
	return ""
}

// isAnswer tells whether a column is called as the library's answers are.
func isAnswer(name string) bool {
	return slices.Contains([]string{"score", "prediction", "margin"}, strings.ToLower(name))
}

// IsHead tells whether the first row of CSV names its columns: some cell holds
// something, and none a number that is no feature's name. Names may be numbers,
// as those that pandas gives. The error is that nobody can tell.
func IsHead(cells, names []string) (bool, error) {
	words, numbers := 0, []string{}
	for _, cell := range cells {
		if cell = strings.TrimSpace(cell); cell == "" {
			continue
		}
		if _, err := Cell(cell); err == nil {
			numbers = append(numbers, cell)
		} else {
			words++
		}
	}
	switch {
	case len(numbers) == 0:
		return words > 0, nil
	case words == 0 && slices.Equal(numbers, names):
		return false, fmt.Errorf("the first row is %.40q, which may be a row or the names of the features; leave such names out, as to_csv(header=False) does, or write the numbers of a row with a point, as 0.0", strings.Join(numbers, ","))
	case words == 0:
		return false, nil
	}
	known := placesOf(names)
	return !slices.ContainsFunc(numbers, func(cell string) bool { return known.of(cell) < 0 }), nil
}

// Cell reads a cell of CSV as a feature: a number, or NaN where it is missing.
// Flags, as pandas writes them, are 1 and 0.
func Cell(text string) (float32, error) {
	switch text = strings.TrimSpace(text); {
	case text == "":
		return float32(math.NaN()), nil
	case strings.EqualFold(text, "true"):
		return 1, nil
	case strings.EqualFold(text, "false"):
		return 0, nil
	}
	v, err := strconv.ParseFloat(text, 32)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%.40q is no number; write a category as its code in training, and leave a cell empty where it is missing", text)
	}
	return float32(v), nil
}

func (c columns) read(cells []string) (Prediction, error) {
	p := Prediction{Features: make([]*float32, len(c.at)), Margin: c.margin, Answer: strings.TrimSpace(cells[c.answer])}
	for f, at := range c.at {
		v, err := Cell(cells[at])
		if err != nil {
			return p, err
		}
		if v == v {
			p.Features[f] = &v
		}
	}
	if v, err := strconv.ParseFloat(p.Answer, 32); err != nil || v != v || math.IsInf(v, 0) {
		return p, fmt.Errorf("the answer is %.40q, want a finite number", p.Answer)
	}
	return p, nil
}

// Agrees tells whether a model answers so, to the digits that were written.
func (p *Prediction) Agrees(m *model.Model) bool {
	return sameDigits(p.by(m), p.Answer, p.beside, p.off())
}

// off is by how many units in the last place an answer may differ: a score by
// the library's exponential (see model.Score), a margin by its base (see
// model.WithBaseMargin).
func (p *Prediction) off() int64 {
	if p.Margin {
		return 1
	}
	return 2
}

// by is a model's own answer.
func (p *Prediction) by(m *model.Model) float32 {
	g := Golden{Features: p.Features}
	if p.Margin {
		return m.Margin(g.row())
	}
	return m.Score(g.row())
}

func allAgree(list []Prediction, m *model.Model) bool {
	return !slices.ContainsFunc(list, func(p Prediction) bool { return !p.Agrees(m) })
}

// leastDigits is how many digits an answer must have, unless it is exact.
const leastDigits = 5

// digits are how exactly numbers are written.
type digits struct{ significant, decimals int }

// digitsOf tells those of a number.
func digitsOf(written string) digits {
	mantissa, exponent, _ := strings.Cut(strings.ToLower(written), "e")
	_, decimals, _ := strings.Cut(mantissa, ".")
	power, _ := strconv.Atoi(exponent)
	significant := strings.TrimLeft(strings.NewReplacer("-", "", "+", "", ".", "").Replace(mantissa), "0")
	return digits{len(significant), len(decimals) - power}
}

// digitsIn tells the most of a file: what has fewer of them ended in zeros, which
// %g, NumPy and pandas leave out.
func digitsIn(list []Prediction) (most digits) {
	for _, p := range list {
		d := digitsOf(p.Answer)
		most.significant, most.decimals = max(most.significant, d.significant), max(most.decimals, d.decimals)
	}
	return most
}

// padded are the digits of a number with the zeros that were left out, as many
// as what stands beside it has, whichever of both was held to. Zeros alone are
// none that tell anything.
func (d digits) padded(beside digits) digits {
	if d.significant == 0 {
		return digits{0, max(d.decimals, beside.decimals)}
	}
	left := max(0, min(beside.significant-d.significant, beside.decimals-d.decimals))
	return digits{d.significant + left, d.decimals + left}
}

// hold tells whether a number, or one at most so many units in the last place off
// it, would be written so.
func (d digits) hold(v float32, written string, off int64) bool {
	theirs, _ := strconv.ParseFloat(written, 64)
	unit, last := math.Pow10(-d.decimals), float64(math.Nextafter32(v, float32(math.Inf(1)))-v)
	return math.Abs(float64(v)-theirs) <= unit/2*(1+1e-6)+float64(off)*last
}

// sameDigits tells whether a number is the one that was written, or would be
// written so, with the digits that others beside it have, give or take some units
// in the last place.
func sameDigits(v float32, written string, beside digits, off int64) bool {
	theirs, _ := strconv.ParseFloat(written, 64)
	if ulps(v, float32(theirs)) <= off {
		return true
	}
	d := digitsOf(written).padded(beside)
	return d.significant >= leastDigits && d.hold(v, written, off)
}

// Vector makes a golden vector of a prediction with which the model agrees.
func (p *Prediction) Vector(m *model.Model) Golden {
	g := Golden{Features: p.Features}
	g.Margin, g.Score = m.Margin(g.row()), m.Score(g.row())
	return g
}

// Differ says how a model differs from what its library answered, and why as
// far as that can be found out, or nothing where it does not. read reads its
// file; nil where there is none. The error is a Refusal.
func Differ(list []Prediction, m *model.Model, names []string, read Read) error {
	wrong, first := 0, -1
	for i := range list {
		if !list[i].Agrees(m) {
			if wrong++; first < 0 {
				first = i
			}
		}
	}
	if wrong == 0 {
		return nil
	}
	what := "score"
	if list[first].Margin {
		what = "margin"
	}
	return refuse(BadGolden, "%d of %d answers of its library differ: for row %d it gave the %s %.40s, here it is %v%s",
		wrong, len(list), list[first].row, what, list[first].Answer, list[first].by(m), because(likely(list, m, names, read)))
}

// because is a cause behind what it caused.
func because(cause string) string {
	if cause == "" {
		return "; no usual cause explains all of them: was it this very file that answered?"
	}
	return ". Likely cause, by what was tried: " + cause
}
