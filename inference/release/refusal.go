package release

import (
	"fmt"

	"github.com/sluicehq/sluice/inference/model"
)

// Refusal says why an artifact is not taken: by its form, or by its model.
type Refusal = model.Refusal

// The reasons for which an archive is refused, besides those of its model.
const (
	Torn        = model.Torn     // the bytes end too early: the only reason that time may heal
	Pickle      = model.Pickle   // nothing inside was run
	Format      = model.Format   // no archive
	TooLarge    = model.TooLarge // beyond Limits
	UnsafePath  = model.Reason("unsafe_path")
	BadManifest = model.Reason("manifest")
	BadContract = model.Reason("contract")
	BadGolden   = model.Reason("golden") // what loads here answers otherwise than what was trained
)

func refuse(reason model.Reason, format string, args ...any) error {
	return Refusal{Reason: reason, Detail: fmt.Sprintf(format, args...)}
}
