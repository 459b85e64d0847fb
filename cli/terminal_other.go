//go:build !unix

package cli

import "os"

// sizeOf knows no terminal here.
func sizeOf(*os.File) (columns, rows int, ok bool) { return 0, 0, false }

// resizes never tells anything.
func resizes() (told chan os.Signal, stop func()) { return nil, func() {} }
