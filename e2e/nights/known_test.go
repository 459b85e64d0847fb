package nights

// known are the kinds of violations that are present in the code today, each
// with what brings it about. A night that comes to one is told of and does not
// fail. Whoever mends a fault takes its line away.
func known() map[string]string {
	return map[string]string{}
}
