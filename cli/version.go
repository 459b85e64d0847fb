package cli

import (
	"fmt"
	"runtime/debug"
)

// version tells the version, the commit and the Go that the program was built
// with, as far as the build knows.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = ", with changes"
		}
	}
	return fmt.Sprintf("%s (commit %s%s, %s)", info.Main.Version, commit, changed, info.GoVersion)
}
