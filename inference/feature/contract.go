package feature

// Contract says which numbers a model is given, in order. It is part of the
// release's manifest.
type Contract struct {
	Features []Feature `json:"features"`

	// Version is that of the rules by which a request becomes features, so that
	// what a release scores never changes. Without one it is 1, where a floor that
	// is infinite is one, and what a call of filter leaves out is 0. In 2, whatever
	// is no value is missing.
	Version int `json:"version,omitempty"`

	// Filter says what the numbers of a call of filter mean.
	Filter Dialect `json:"filter,omitempty"`

	// Currency (ISO 4217, USD where it is left out) is that of the imp.floor
	// sources, and Rates what one unit of others is worth in it. They are fixed
	// with the contract: a floor in another currency is missing.
	Currency string             `json:"currency,omitempty"`
	Rates    map[string]float64 `json:"rates,omitempty"`

	// Missing is the number that stood for missing, beside NaN, when the model
	// was trained (XGBoost's missing=0). Files of models do not tell it. Rows are
	// made without it; the model takes such a number for missing.
	Missing *float32 `json:"missing,omitempty"`
}

// Feature is one number of a row.
type Feature struct {
	Name string `json:"name"` // unique in a contract

	// Kind says how the number is made:
	//   number  the source as it is; absent is missing (NaN)
	//   index   the position of the source's value in Vocabulary; a value that
	//           is not there gives len(Vocabulary), an absent one NaN
	//   table   the value that Table holds for the source (or for up to ten of
	//           them, joined by "|"); an absent source reads as "", and what is
	//           not there gives Default
	//   hash    which of Buckets the source, or up to ten together, falls into; an
	//           absent source is a value, too. Of the partner, those in
	//           Vocabulary are told apart
	// A source that is a number is looked up by value: "3" and "3.0" are the
	// same key. Of several sources, only the last may have values with a "|".
	Kind Kind `json:"kind"`

	// Source names what is read: "hour", "dayofweek", "partner", or an OpenRTB
	// path such as "device.geo.country" or "imp.bidfloor"; docs/features.md has all of them.
	Source []string `json:"source"`

	Vocabulary []string           `json:"vocabulary,omitempty"`
	Table      map[string]float32 `json:"table,omitempty"`
	Default    *float32           `json:"default,omitempty"` // nil is missing (NaN)
	Buckets    int                `json:"buckets,omitempty"` // of kind hash
}

// Dialect is whose numbers a call of filter brings.
type Dialect string

// The dialects of filter, see docs/auction.md.
const (
	OpenRTB Dialect = "openrtb" // OpenRTB's, also where a contract names none
	Kit     Dialect = "kit"     // those of the published client
)

// Versions of a contract's rules.
const (
	FirstVersion  = 1
	LatestVersion = 2
)

// MaxRates bounds the currencies of a contract.
const MaxRates = 256

// Kind says how a feature's number is made.
type Kind string

// The kinds of features.
const (
	Number Kind = "number"
	Index  Kind = "index"
	Table  Kind = "table"
	Hash   Kind = "hash"
)
