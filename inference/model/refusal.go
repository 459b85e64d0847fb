package model

import "fmt"

// Refusal says why an artifact is not taken. Callers ask for it with
// errors.As.
type Refusal struct {
	Reason Reason
	Detail string // for a person: names the thing and the way out
}

// Reason is one word, fit to be stored and shown.
type Reason string

// The reasons for which a model is refused. Torn is the only one that time may
// heal: the bytes end too early, so that the rest may still be on its way.
const (
	Torn      Reason = "torn"
	Pickle    Reason = "pickle"    // a Python pickle that holds more than a model, and was not run
	Format    Reason = "format"    // no format that is read here, or a broken one
	TooLarge  Reason = "too_large" // beyond a bound that protects whoever loads it
	Objective Reason = "objective" // more than one number per row, or a link that is not known
	Booster   Reason = "booster"   // not trees, or splits that are not known
)

// Error returns the detail after its reason.
func (r Refusal) Error() string { return string(r.Reason) + ": " + r.Detail }

func refuse(reason Reason, format string, args ...any) error {
	return Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}

// torn is the refusal of a model whose bytes end at the given offset.
func torn(at int64) error {
	return refuse(Torn, "the model ends after %d bytes, in the middle; wait for the whole file, or upload it again", at)
}
