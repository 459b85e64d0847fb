package simulation

import (
	"encoding/xml"
	"errors"
	"io"
	"math"
	"strings"
	"testing"
)

func TestPicture(t *testing.T) {
	p := Picture{
		Title: "a < b", X: "requests", Y: "evidence (ln)", LogX: true,
		Lines: []Line{
			{"one", []Point{{100, 0}, {1000, 5}, {10000, 10}}},
			{"two & three", []Point{{0, 1}, {100, 2}, {200, math.NaN()}}},
		},
		Marks: []Mark{{"threshold", 6}},
	}
	svg := string(p.SVG())
	d := xml.NewDecoder(strings.NewReader(svg))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatalf("%v in\n%s", err, svg)
		}
	}
	for _, want := range []string{
		`aria-label="a &lt; b"`, "evidence (ln)", "two &amp; three", "prefers-color-scheme:dark", ">10k</text>",
		`d="M70 346L405 201L740 56"`, // a straight line on a logarithmic axis
	} {
		if !strings.Contains(svg, want) {
			t.Errorf("no %s in\n%s", want, svg)
		}
	}
	if strings.Contains(svg, "NaN") || strings.Contains(svg, "Inf") {
		t.Errorf("what is no number is drawn:\n%s", svg)
	}
}

func TestEmptyPicture(t *testing.T) {
	if svg := string(Picture{}.SVG()); strings.Contains(svg, "NaN") {
		t.Error(svg)
	}
}

func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		low, high float64
		want      string
	}{{0, 1, "0 0.2 0.4 0.6 0.8 1"}, {3, 97, "0 20 40 60 80 100"}, {-12, 31, "-20 -10 0 10 20 30 40"}, {0, 250000, "0 50k 100k 150k 200k 250k"}} {
		a := axis{low: tt.low, high: tt.high}.round()
		var got []string
		for _, v := range a.ticks {
			got = append(got, tick(v))
		}
		if s := strings.Join(got, " "); s != tt.want {
			t.Errorf("%v to %v: %s, want %s", tt.low, tt.high, s, tt.want)
		}
	}
}

func TestMarkdown(t *testing.T) {
	got := markdown([]string{"a", "b"}, [][]string{{"x", "1"}})
	if want := "| a | b |\n| --- | ---: |\n| x | 1 |\n"; got != want {
		t.Errorf("got\n%s", got)
	}
	for got, want := range map[string]string{
		atMost(0, 100): "0.0 % (≤ 3.0)", atMost(3, 0): "—", percent(1, 3): "33 %",
		thousands(1234): "1.2k", thousands(98765): "99k", thousands(math.NaN()): "—", times(1.234): "1.23×",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
