package release

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/inference/model"
)

// A model that answers otherwise than in training does so for a reason, and the
// usual ones can be tried: one that explains every answer is named.

// Read reads a file again, in another way.
type Read func(model.Reading) (*model.Model, error)

// likely returns what explains the answers that a library gave for rows, where
// the model gives others, or nothing. read reads its file; nil for no other way.
func likely(list []Prediction, m *model.Model, names []string, read Read) string {
	s := search{list: list, left: mostTried}
	if cause := s.likely(m, names, read); cause != "" || s.left >= 0 {
		return cause
	}
	return "none so far, and not all were tried, as so many trees and rows take too long; keep fewer rows"
}

// search tries what may explain answers.
type search struct {
	list []Prediction
	left int // trees that it may still ask, of one row each
}

// mostTried is a second or two, and enough to try all causes on a row of the
// largest model.
const mostTried = 1 << 27

func (s *search) likely(m *model.Model, names []string, read Read) string {
	for _, way := range otherWays() {
		if read == nil || m.IsAlike(way.by) {
			continue
		}
		if other, err := read(way.by); err == nil && other != nil && s.explains(other, nil) {
			return all(s.list) + way.says
		}
	}
	for n := range m.Trees() {
		if first := m.First(n); n > 0 && first != m && s.explains(first, nil) {
			return all(s.list) + fmt.Sprintf("those of its first %d of %d trees: another number of trees answered in training; save the booster that answered, cut to them", n, m.Trees())
		}
	}
	for _, change := range changes(m.NumFeature(), names) {
		if s.explains(m, change.do) {
			return all(s.list) + change.says
		}
	}
	return s.likelyAnswers(m)
}

func all(list []Prediction) string { return fmt.Sprintf("all %d answers are ", len(list)) }

// otherWay is a way in which a library may have taken a file.
type otherWay struct {
	by   model.Reading
	says string
}

func otherWays() []otherWay {
	return []otherWay{
		{model.Reading{Trees: model.All}, `those of all its trees; write "trees": "all" in the manifest`},
		{model.Reading{Trees: model.Best}, `those of the trees up to its best iteration; write "trees": "best" in the manifest`},
		{model.Reading{Rules: model.FirstRules}, "those of its trees without their weights; ask with the library that wrote the file"},
	}
}

// change is something done to rows before they are asked.
type change struct {
	says string
	do   func(row []*float32)
}

// most features of which all pairs are exchanged.
const mostExchanged = 64

func changes(features int, names []string) []change {
	name := func(f int) string {
		if f < len(names) {
			return strconv.Quote(names[f])
		}
		return strconv.Itoa(f)
	}
	var list []change
	for _, number := range []float32{0, -1, -99, -999, -9999, 999, 9999} { // what people write for it
		says := fmt.Sprintf("those of rows in which %v is missing: training took it for a missing value (missing=%v); write \"missing\": %v into the contract, or train with NaN", number, number, number)
		list = append(list, change{says, numberMissing(number)})
	}
	list = append(list, []change{
		{"those of rows in which missing values are zeros: training filled them in; train with NaN, or give the features a default of 0", missingZeros},
		{"those of the columns in reverse order; write the contract in the order of training", slices.Reverse[[]*float32]},
	}...)
	if order := alphabetical(names, features); order != nil {
		list = append(list, change{"those of the columns sorted by name; write the contract in the order of training", func(row []*float32) { reorder(row, order) }})
	}
	for a := range min(features, mostExchanged) {
		for b := range a {
			says := fmt.Sprintf("those of the columns with %s and %s exchanged; write the contract in the order of training", name(b), name(a))
			list = append(list, change{says, func(row []*float32) { row[a], row[b] = row[b], row[a] }})
		}
	}
	return list
}

// numberMissing takes a number for missing.
func numberMissing(number float32) func(row []*float32) {
	return func(row []*float32) {
		for i, v := range row {
			if v != nil && *v == number {
				row[i] = nil
			}
		}
	}
}

func missingZeros(row []*float32) {
	for i, v := range row {
		if v == nil {
			row[i] = new(float32)
		}
	}
}

// alphabetical returns where the columns go when they are sorted by name.
func alphabetical(names []string, features int) []int {
	if len(names) != features {
		return nil
	}
	order := make([]int, features)
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int {
		if names[a] < names[b] {
			return -1
		}
		return 1
	})
	return order
}

func reorder(row []*float32, order []int) {
	was := slices.Clone(row)
	for to, from := range order {
		row[to] = was[from]
	}
}

// explains tells whether a model gives all answers once the rows are changed.
func (s *search) explains(m *model.Model, change func([]*float32)) bool {
	for _, p := range s.list {
		if s.left -= m.Trees(); s.left < 0 {
			return false
		}
		if change != nil {
			p.Features = slices.Clone(p.Features)
			change(p.Features)
		}
		if !p.Agrees(m) {
			return false
		}
	}
	return true
}

// likelyAnswers looks at the answers themselves.
func (s *search) likelyAnswers(m *model.Model) string {
	given := s.list
	turned := search{list: slices.Clone(given), left: s.left}
	for i := range turned.list {
		turned.list[i].Margin = !turned.list[i].Margin
	}
	explained := turned.explains(m, nil)
	s.left = turned.left
	switch {
	case explained && given[0].Margin:
		return all(given) + "scores, where margins should stand; ask the library for its margins (output_margin=True)"
	case explained:
		return all(given) + "margins, where scores should stand; name the column margin"
	}
	if !given[0].Margin && m.ScoresShares() {
		if cause := otherShares(given, m); cause != "" {
			return cause
		}
	}
	switch n, rounded := fewDigits(given, m); {
	case rounded:
		return all(given) + fmt.Sprintf("rounded, to %d digits where that is the least, which proves too little; write all digits", n)
	case given[0].Margin && shifted(given, m):
		return all(given) + "off by the same: another base score or base margin was given in training; train with the base_score that is saved"
	}
	return ""
}

// fewDigits tells whether all answers are the model's to the digits that they
// are written with, and how many the shortest has.
func fewDigits(given []Prediction, m *model.Model) (least int, all bool) {
	least = math.MaxInt
	for _, p := range given {
		v, written := p.by(m), digitsOf(p.Answer).padded(p.beside)
		if !written.hold(v, p.Answer, p.off()) {
			return 0, false
		}
		if v != 0 {
			least = min(least, written.significant)
		}
	}
	return least, least < leastDigits
}

// otherShares tells what people write in place of scores that are shares.
func otherShares(given []Prediction, m *model.Model) string {
	ours, theirs := make([]float64, len(given)), make([]float64, len(given))
	for i, p := range given {
		g := Golden{Features: p.Features}
		ours[i] = float64(m.Score(g.row()))
		theirs[i], _ = strconv.ParseFloat(p.Answer, 64)
	}
	decimals := 0
	for decimals < leastDigits+2 && slices.ContainsFunc(theirs, func(v float64) bool { return math.Abs(v-rounded(v, decimals)) > 1e-7 }) {
		decimals++ // a float32 in full is not quite what it was rounded to
	}
	within := func(off float64, of func(float64) float64) bool {
		for i := range ours {
			if math.Abs(of(ours[i])-theirs[i]) > off {
				return false
			}
		}
		return true
	}
	const close = 1e-5
	switch {
	case within(0, math.Round):
		return all(given) + "classes, where scores should stand (predict of a classifier); write predict_proba(rows)[:, 1]"
	case within(close, func(v float64) float64 { return 1 - v }):
		return all(given) + "the chances of the other class (predict_proba(rows)[:, 0]); write those of column 1"
	case within(100*close, func(v float64) float64 { return 100 * v }):
		return all(given) + "in percent; write shares of 1"
	case decimals <= leastDigits+1 && within(math.Pow10(-decimals)/2+1e-7, func(v float64) float64 { return v }):
		return all(given) + fmt.Sprintf("rounded to %d decimals, which proves too little; write all digits", decimals)
	}
	return ""
}

// rounded rounds to so many decimals.
func rounded(v float64, decimals int) float64 {
	unit := math.Pow10(decimals)
	return math.Round(v*unit) / unit
}

// shifted tells whether all answers are the model's and one and the same number.
func shifted(list []Prediction, m *model.Model) bool {
	least, most := 0.0, 0.0
	for i, p := range list {
		given, _ := strconv.ParseFloat(p.Answer, 64)
		g := Golden{Features: p.Features}
		off := given - float64(m.Margin(g.row()))
		if i == 0 {
			least, most = off, off
		}
		least, most = min(least, off), max(most, off)
	}
	return len(list) > 1 && most-least < 1e-5*max(1, most, -least)
}

// asked are golden vectors as predictions of margins.
func (m *Manifest) asked() []Prediction {
	list := make([]Prediction, len(m.Golden))
	for i, g := range m.Golden {
		list[i] = Prediction{Features: g.Features, Margin: true, Answer: strconv.FormatFloat(float64(g.Margin), 'g', -1, 32)}
	}
	return list
}

func (m *Manifest) names() []string {
	names := make([]string, len(m.Contract.Features))
	for i, f := range m.Contract.Features {
		names[i] = f.Name
	}
	return names
}
