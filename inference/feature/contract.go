package feature

// Contract says which numbers a model is given, in order. It is part of the
// release's manifest.
type Contract struct {
	Features []Feature `json:"features"`
}

// Feature is one number of a row.
type Feature struct {
	Name string `json:"name"` // unique in a contract

	// Kind says how the number is made:
	//   number  the source as it is; absent is missing (NaN)
	//   index   the position of the source's value in Vocabulary; a value that
	//           is not there gives len(Vocabulary), an absent one NaN
	//   table   the value that Table holds for the source (or for two sources,
	//           joined by "|"); an absent source reads as "", and what is not
	//           there gives Default
	// A source that is a number is looked up by value: "3" and "3.0" are the
	// same key. Of two sources, the first must not have values with a "|".
	Kind Kind `json:"kind"`

	// Source names what is read: "hour", "dayofweek", "partner", or an OpenRTB
	// path such as "device.geo.country" or "imp.bidfloor". A table may have two.
	Source []string `json:"source"`

	Vocabulary []string           `json:"vocabulary,omitempty"`
	Table      map[string]float32 `json:"table,omitempty"`
	Default    *float32           `json:"default,omitempty"` // nil is missing (NaN)
}

// Kind says how a feature's number is made.
type Kind string

// The kinds of features.
const (
	Number Kind = "number"
	Index  Kind = "index"
	Table  Kind = "table"
)
