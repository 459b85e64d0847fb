package simulation

import (
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
)

// Picture is a chart of lines, drawn for light and dark pages alike.
type Picture struct {
	Title string // for those who cannot see it
	X, Y  string // what the axes show, with units
	LogX  bool
	Lines []Line
	Marks []Mark
}

// Line is one series. Points that are no numbers are left out.
type Line struct {
	Name   string
	Points []Point
}

// Point is one place of a series.
type Point struct{ X, Y float64 }

// Mark is a horizontal line that means something.
type Mark struct {
	Name string
	Y    float64
}

// The sheet, in units of the drawing.
const (
	sheetWidth, sheetHeight = 760., 400.
	leftEdge, rightEdge     = 70., 740.
	topEdge, bottomEdge     = 56., 346.
)

const sheetStyle = `<style>
svg{--ink:#1f2328;--faint:#d1d9e0;--a:#0969da;--b:#bc4c00;--c:#1a7f37;--d:#8250df;--e:#cf222e;font:13px system-ui,sans-serif}
@media(prefers-color-scheme:dark){svg{--ink:#e6edf3;--faint:#3d444d;--a:#4493f8;--b:#f0883e;--c:#3fb950;--d:#ab7df8;--e:#f85149}}
text{fill:var(--ink)}.g{stroke:var(--faint)}.m{stroke:var(--ink);stroke-dasharray:2 4}
.l{fill:none;stroke-width:2;stroke-linejoin:round}.a{stroke:var(--a)}.b{stroke:var(--b);stroke-dasharray:9 3}
.c{stroke:var(--c);stroke-dasharray:2 3}.d{stroke:var(--d);stroke-dasharray:9 3 2 3}.e{stroke:var(--e);stroke-dasharray:5 5}
</style>
`

// SVG draws the picture. Lines differ in dashes as well as in colour.
func (p Picture) SVG() []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %g %g" role="img" aria-label="%s">`+"\n",
		sheetWidth, sheetHeight, html.EscapeString(p.Title))
	b.WriteString(sheetStyle)
	x, y := p.axes()
	y.grid(func(at float64, label string) {
		fmt.Fprintf(&b, `<line class="g" x1="%g" x2="%g" y1="%s" y2="%s"/><text x="%g" y="%s" text-anchor="end">%s</text>`+"\n",
			leftEdge, rightEdge, unit(at), unit(at), leftEdge-8, unit(at+4), label)
	})
	x.grid(func(at float64, label string) {
		fmt.Fprintf(&b, `<line class="g" x1="%s" x2="%s" y1="%g" y2="%g"/><text x="%s" y="%g" text-anchor="middle">%s</text>`+"\n",
			unit(at), unit(at), bottomEdge, bottomEdge+5, unit(at), bottomEdge+20, label)
	})
	fmt.Fprintf(&b, `<text x="%g" y="%g" text-anchor="middle">%s</text>`+"\n", (leftEdge+rightEdge)/2, sheetHeight-14, html.EscapeString(p.X))
	fmt.Fprintf(&b, `<text transform="translate(18 %g) rotate(-90)" text-anchor="middle">%s</text>`+"\n", (topEdge+bottomEdge)/2, html.EscapeString(p.Y))
	for _, m := range p.Marks {
		at := y.place(m.Y)
		fmt.Fprintf(&b, `<line class="m" x1="%g" x2="%g" y1="%s" y2="%s"/><text x="%g" y="%s">%s</text>`+"\n",
			leftEdge, rightEdge, unit(at), unit(at), leftEdge+6, unit(at-5), html.EscapeString(m.Name))
	}
	p.drawLines(&b, x, y)
	b.WriteString("</svg>\n")
	return []byte(b.String())
}

func (p Picture) drawLines(b *strings.Builder, x, y axis) {
	left := leftEdge
	for i, l := range p.Lines {
		class := string(rune('a' + i%5))
		var d strings.Builder
		for _, at := range l.Points {
			if px, py := x.place(at.X), y.place(at.Y); !math.IsNaN(px) && !math.IsNaN(py) {
				op := byte('L')
				if d.Len() == 0 {
					op = 'M'
				}
				fmt.Fprintf(&d, "%c%s %s", op, unit(px), unit(py))
			}
		}
		fmt.Fprintf(b, `<path class="l %s" d="%s"/>`+"\n", class, d.String())
		fmt.Fprintf(b, `<path class="l %s" d="M%s %gh26"/><text x="%s" y="%g">%s</text>`+"\n",
			class, unit(left), topEdge-30, unit(left+32), topEdge-26, html.EscapeString(l.Name))
		left += 48 + 7*float64(len(l.Name))
	}
}

// axes finds what both axes must hold.
func (p Picture) axes() (x, y axis) {
	x, y = axis{log: p.LogX, from: leftEdge, to: rightEdge}, axis{from: bottomEdge, to: topEdge}
	for _, l := range p.Lines {
		for _, at := range l.Points {
			x.hold(at.X)
			y.hold(at.Y)
		}
	}
	for _, m := range p.Marks {
		y.hold(m.Y)
	}
	return x.round(), y.round()
}

// An axis maps values to the sheet.
type axis struct {
	low, high, from, to float64
	log, some           bool
	ticks               []float64
}

func (a *axis) hold(v float64) {
	if math.IsNaN(v) || math.IsInf(v, 0) || a.log && v <= 0 {
		return
	}
	if !a.some {
		a.low, a.high, a.some = v, v, true
	}
	a.low, a.high = math.Min(a.low, v), math.Max(a.high, v)
}

// round widens the axis to whole ticks.
func (a axis) round() axis {
	if a.low == a.high {
		a.high = a.low + 1
	}
	if a.log {
		a.low, a.high = math.Pow(10, math.Floor(math.Log10(a.low))), math.Pow(10, math.Ceil(math.Log10(a.high)-1e-9))
		for v := a.low; v <= a.high*1.001; v *= 10 {
			a.ticks = append(a.ticks, v)
		}
		return a
	}
	step := math.Pow(10, math.Floor(math.Log10((a.high-a.low)/4)))
	for _, s := range []float64{1, 2, 5, 10} {
		if (a.high-a.low)/(step*s) <= 6 {
			step *= s
			break
		}
	}
	a.low, a.high = math.Floor(a.low/step+1e-9)*step, math.Ceil(a.high/step-1e-9)*step
	for i := range int(math.Round((a.high-a.low)/step)) + 1 {
		a.ticks = append(a.ticks, a.low+float64(i)*step)
	}
	return a
}

// place is where a value lies on the sheet; NaN for what cannot be shown.
func (a axis) place(v float64) float64 {
	share := (v - a.low) / (a.high - a.low)
	if a.log {
		share = math.Log(v/a.low) / math.Log(a.high/a.low)
	}
	if math.IsInf(share, 0) {
		return math.NaN()
	}
	return a.from + share*(a.to-a.from)
}

func (a axis) grid(draw func(at float64, label string)) {
	for _, v := range a.ticks {
		draw(a.place(v), tick(v))
	}
}

// tick writes a number as people do: 20, 0.5, 40k, 2M.
func tick(v float64) string {
	switch size := math.Abs(v); {
	case size >= 1e6:
		return strconv.FormatFloat(v/1e6, 'g', 4, 64) + "M"
	case size >= 1e4:
		return strconv.FormatFloat(v/1e3, 'g', 4, 64) + "k"
	case size < 1e-9:
		return "0"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

func unit(v float64) string { return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64) }
