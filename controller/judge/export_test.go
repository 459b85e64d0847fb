package judge

// Estimate is the difference and how much is known of it.
func (d Difference) Estimate() (difference, information float64) {
	e := d.estimate()
	return e.d, e.info
}
