package simulation

import "time"

// Worlds returns what befalls fleets outside of the textbook: zones and tasks
// whose clients differ, harm that shows in live traffic only, or late, or in
// few connections, traffic that comes clumped, failures of a moment, bids of
// unequal worth, and a fleet that changes. All are played over connections that
// last.
func Worlds() []Scenario {
	all := []Scenario{
		{Name: "calm", Truth: Fine},
		{Name: "zones 3 pt apart", Truth: Fine, Plan: Default, Zones: Zones{Gap: .03}},
		{Name: "zones 3 pt apart, partners' gaps differ by 3 pt", Truth: Fine, Plan: Default, Zones: Zones{.03, .03}},
		{Name: "zones 3 pt apart, partners' gaps differ by 6 pt", Truth: Fine, Plan: Default, Zones: Zones{.03, .06}},
		{Name: "tasks that differ by 2 pt", Truth: Fine, Unlike: .02},
		{Name: "live only: a partner +5 pt", Truth: Harmful, LiveOnly: true, Shift: .05, Partner: 3},
		{Name: "live only: +3 pt, the arms only guard", Truth: Harmful, LiveOnly: true, Shift: .03, Lasting: 24, Guarded: true},
		{Name: "growing harm: after 12 min +0.5 pt a minute", Truth: Harmful, Plan: Patient, Grows: .005, After: 12 * time.Minute},
		{Name: "on the edge by whole connections, 3 per task", Truth: OnEdge, Whole: true, Shift: .02, Lasting: 3},
		{Name: "on the edge by whole connections, 10 per task", Truth: OnEdge, Whole: true, Shift: .02, Lasting: 10},
		{Name: "on the edge by whole connections, 20 per task", Truth: OnEdge, Whole: true, Shift: .02, Lasting: 20},
		{Name: "connections by Pareto's law", Truth: Fine, Tailed: true},
		{Name: "every connection repeats one request", Truth: Fine, Repeats: true},
		{Name: "an exchange with 40 % over 64 connections", Truth: Fine, Exchange: true},
		{Name: "a canary task fails 30 % for ten seconds", Truth: Fine, Fails: true, After: 5 * time.Minute},
		{Name: "any task fails 30 % for ten seconds now and then", Truth: Fine, Burst: Burst{Share: .3, Chance: .002, Looks: 1}},
		{Name: "any task fails 3 % for half a minute now and then", Truth: Fine, Burst: Burst{Share: .03, Chance: .01, Looks: 3}},
		{Name: "a neighbour becomes noisy after 12 min", Truth: Fine, Noisy: true, After: 12 * time.Minute},
		{Name: "the candidate is slow on one task after 12 min", Truth: Harmful, Noisy: true, Bound: true, After: 12 * time.Minute},
		{Name: "the dearest 0.22 % of bids lost", Truth: Harmful, Dearest: .0022},
		{Name: "8 tasks become 30", Truth: Fine, Plan: ByPercent, Scales: true},
		{Name: "a task is replaced every few minutes", Truth: Fine, Churns: true},
		{Name: "every connection repeats one request, and ends after ten minutes, on all tasks", Truth: Fine, Plan: Broad, Repeats: true, Renewed: true},
		{Name: "live only: 0.85 pt of bids lost", Truth: Harmful, BidsOn: .035},
	}
	for i := range all {
		all[i].Small = true
	}
	return all
}
