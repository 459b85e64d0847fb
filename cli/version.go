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
	changed := ""
	if v.Changed {
		changed = ", with changes"
	}
	text := fmt.Sprintf("%s (commit %s%s, %s)", v.Version, v.Commit, changed, v.Go)
	if v.Detail != "" {
		text += "\n" + v.Detail
	}
	return text
}

func built() api.Version {
	info, _ := debug.ReadBuildInfo()
	return builtFrom(info)
}

// unstamped is why a program does not know its commit.
const unstamped = "The commit is unknown, since Go did not note it: built outside of a git clone, in a worktree, or with -buildvcs=false. make build in a clone notes it, and so does make image."

// builtFrom is what Go has noted of a build, if anything.
func builtFrom(info *debug.BuildInfo) api.Version {
	v := api.Version{Version: "unknown", Commit: "unknown", Go: "unknown", Detail: unstamped}
	if info == nil {
		return v
	}
	v.Version, v.Go = info.Main.Version, info.GoVersion
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			v.Commit, v.Detail = s.Value, ""
		case "vcs.modified":
			v.Changed = s.Value == "true"
		}
	}
	return v
}
