package nights

// known are the kinds of violations that are present in the code today, each
// with why. A night that comes to one is told of and does not fail. To mend a
// fault, take its line away.
func known() map[string]string {
	return map[string]string{
		"wish repeated":    "",
		"wish retried":     "",
		"wish unsaid":      "",
		"danger overruled": "",
		"deposed":          "",
		"late order":       "",
		"leaderless":       "",
		"not restored":     "",
		"poisoned":         "",
		"archive":          "",
		"gave way":         "",
		"blame":            "",
		"eaten":            "",
	}
}
