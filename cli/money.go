package cli

import (
	"fmt"
	"math"

	"github.com/sluicehq/sluice/api"
)

// money tells what both releases would bring, where bids come with prices.
func (p *page) money(m *api.Money) {
	if m == nil {
		return
	}
	p.line("")
	rows := [][]string{{"MONEY", "BIDS LET THROUGH", "CALLS SAVED", "VALUE LOST"}, {
		"", m.Currency + " per million requests", "per million requests", m.Currency + " per million calls saved",
	}}
	for _, r := range []struct {
		name string
		of   api.Earnings
	}{{"candidate", m.Candidate}, {"stable", m.Stable}} {
		rows = append(rows, []string{r.name, amountText(r.of.Value), amountText(r.of.Saved), lostText(r.of)})
	}
	p.table(rows)
	p.line("by %s priced bids on explored requests, with 95 %% intervals for this look%s", thousands(m.Priced), leftOut(m))
}

// leftOut tells what the amounts do not hold.
func leftOut(m *api.Money) string {
	text := ""
	if m.Unpriced > 0 {
		text += fmt.Sprintf("; %s more bids have no price that counts", thousands(m.Unpriced))
	}
	if m.Capped > 0 {
		text += fmt.Sprintf("; %s of the value lay above the cap", percent(m.Capped))
	}
	return text
}

// moneyText says in a line what saving calls costs.
func moneyText(m *api.Money) string {
	does := func(e api.Earnings) string {
		if e.Saved.High <= 0 {
			return "save no calls"
		}
		return fmt.Sprintf("lose %s %s of bids per million calls saved", m.Currency, amountText(e.Lost))
	}
	return fmt.Sprintf("the candidate would %s, stable would %s", does(m.Candidate), does(m.Stable))
}

// lostText tells the value lost, which is nobody's where no call is saved.
func lostText(e api.Earnings) string {
	if e.Saved.High <= 0 {
		return "no calls saved"
	}
	return amountText(e.Lost)
}

func amountText(a api.Amount) string {
	return fmt.Sprintf("%s [%s, %s]", rounded(a.Value), rounded(a.Low), rounded(a.High))
}

// rounded tells a number to three digits, or whole where it is large.
func rounded(v float64) string {
	if math.Abs(v) >= 100 {
		return thousands(int64(math.Round(v)))
	}
	return fmt.Sprintf("%.3g", v)
}
