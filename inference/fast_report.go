package inference

import (
	"time"

	"github.com/apache/thrift/lib/go/thrift"
)

// reports is what a report call says, in lists that are used again for the
// next one. All of it aliases the bytes it was read from.
type reports struct {
	outcomes []reported
	names    []string
	prices   []price
}

// forget drops what aliases a message, and lists that were unusually long.
func (r *reports) forget() {
	const usual = 1024
	if cap(r.names) > 16*usual || cap(r.outcomes) > usual {
		*r = reports{}
		return
	}
	clear(r.outcomes)
	clear(r.names)
	clear(r.prices)
	r.outcomes, r.names, r.prices = r.outcomes[:0], r.names[:0], r.prices[:0]
}

// parse reads the arguments of report.
func (r *reports) parse(p *parser) {
	r.outcomes, r.names, r.prices = r.outcomes[:0], r.names[:0], r.prices[:0]
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		if id != 1 || t != thrift.LIST {
			p.skip(t)
			continue
		}
		for n := p.listOf(thrift.STRUCT); n > 0 && p.outcome == parsed; n-- {
			r.outcomes = append(r.outcomes, r.parseOutcome(p))
		}
	}
}

func (r *reports) parseOutcome(p *parser) (o reported) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1 && t == thrift.STRING:
			o.receipt = p.take(p.size())
		case id == 2 && t == thrift.LIST:
			first := len(r.names)
			for n := p.listOf(thrift.STRING); n > 0 && p.outcome == parsed; n-- {
				r.names = append(r.names, p.text())
			}
			o.bidders = r.names[first:]
		case id == 3 && t == thrift.LIST:
			first := len(r.prices)
			for n := p.listOf(thrift.STRUCT); n > 0 && p.outcome == parsed; n-- {
				r.prices = append(r.prices, parsePrice(p))
			}
			o.prices = r.prices[first:]
		case id == 4 && t == thrift.STRUCT:
			parseWin(p, &o)
		default:
			p.skip(t)
		}
	}
	return o
}

func parsePrice(p *parser) (out price) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1 && t == thrift.DOUBLE:
			out.amount, out.said = p.double(), true
		case id == 2 && t == thrift.STRING:
			out.currency = p.text()
		default:
			p.skip(t)
		}
	}
	return out
}

func parseWin(p *parser, o *reported) {
	var at place
	for t, id := p.field(&at); t != thrift.STOP; t, id = p.field(&at) {
		switch {
		case id == 1 && t == thrift.STRING:
			o.winner = p.text()
		case id == 2 && t == thrift.STRUCT:
			o.cleared = parsePrice(p)
		default:
			p.skip(t)
		}
	}
}

// takeReports accounts for a report call that parse has read.
func (s *session) takeReports(now time.Time) {
	s.t.m.report.Inc()
	for i := range s.reports.outcomes {
		s.outcome(s.reports.outcomes[i], now)
	}
}
