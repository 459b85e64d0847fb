package feature

import "unsafe" //nolint:depguard // see aliasing

// aliasing returns the text of b without a copy, so that looking it up costs no
// allocation. It changes with b: nothing keeps what a Request says.
func aliasing(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
