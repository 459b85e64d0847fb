package cli

import (
	"strings"
	"testing"

	"github.com/sluicehq/sluice/api"
)

func TestMoneyIsTold(t *testing.T) {
	m := &api.Money{
		Currency: "EUR", Priced: 12_345, Unpriced: 67, Capped: .004,
		Candidate: api.Earnings{
			Value: api.Amount{Value: 1234.5, Low: 1200, High: 1269}, Saved: api.Amount{Value: 8e6, Low: 7.9e6, High: 8.1e6},
			Lost: api.Amount{Value: 2.125, Low: 1.5, High: 2.75},
		},
		Stable: api.Earnings{Saved: api.Amount{Value: 9e6, Low: 8.5e6, High: 9.5e6}, Lost: api.Amount{Value: 1.5, Low: 1.25, High: 1.75}},
	}
	var out strings.Builder
	p := &page{out: &out}
	p.money(m)
	p.standing(api.Verdict{Money: m}, false)
	for _, want := range []string{
		"EUR per million calls saved", "1,235 [1,200, 1,269]", "8,000,000 [7,900,000, 8,100,000]", "2.12 [1.5, 2.75]", "12,345 priced bids",
		"67 more bids have no price that counts", "0.40 % of the value lay above the cap",
		"the candidate would lose EUR 2.12 [1.5, 2.75] of bids per million calls saved, stable would lose EUR 1.5 [1.25, 1.75] of",
	} {
		if !strings.Contains(unbroken(out.String()), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	m.Candidate.Saved, m.Candidate.Lost = api.Amount{}, api.Amount{} // per million of nothing is no amount
	p.money(m)
	p.standing(api.Verdict{Money: m}, false)
	for _, want := range []string{"0 [0, 0] no calls saved", "the candidate would save no calls, stable would lose EUR 1.5"} {
		if !strings.Contains(unbroken(out.String()), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	out.Reset()
	if p.money(nil); out.Len() > 0 {
		t.Errorf("without prices: %s", out.String())
	}
}

// unbroken is a text on one line.
func unbroken(text string) string { return strings.Join(strings.Fields(text), " ") }
