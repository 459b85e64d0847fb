package cli

import (
	"fmt"
	"runtime/debug"

	"github.com/sluicehq/sluice/api"
)

// version tells the version, the commit and the Go that the program was built
// with, as far as the build knows.
func version() string {
	v := built()
	if v.Version == "unknown" {
		return v.Version
	}
	changed := ""
	if v.Changed {
		changed = ", with changes"
	}
	return fmt.Sprintf("%s (commit %s%s, %s)", v.Version, v.Commit, changed, v.Go)
}

func built() api.Version {
	v := api.Version{Version: "unknown", Commit: "unknown"}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return v
	}
	v.Version, v.Go = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit = s.Value
		case "vcs.modified":
			v.Changed = s.Value == "true"
		}
	}
	return v
}
