package cli

import (
	"cmp"
	"strings"
)

// said is what people read of a rollout or an event, in the order in which they
// read it. An earlier server tells the sentence alone.
type said struct{ headline, wayOut, sentence string }

// first is what stands alone.
func (s said) first() string { return cmp.Or(s.headline, s.sentence) }

// all is everything, a line each.
func (s said) all() string {
	if s.headline == "" {
		return s.sentence
	}
	return strings.Join([]string{s.headline, s.wayOut, s.sentence}, "\n")
}

// said prints what stands alone under a name, and the way out; the proof comes
// where the page has its place for it.
func (p *page) said(name string, s said) {
	p.field(name, s.first())
	if s.headline != "" {
		p.field("way out", s.wayOut)
	}
}

// proof prints the sentence behind a headline.
func (p *page) proof(s said) {
	if s.headline != "" {
		p.field("proof", s.sentence)
	}
}
