package cli

import (
	"runtime/debug"
	"testing"

	"github.com/sluicehq/sluice/api"
)

// A program tells the commit that Go has noted, or why there is none.
func TestBuiltFrom(t *testing.T) {
	t.Parallel()
	noted := &debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{{Key: "vcs.revision", Value: "abc"}, {Key: "vcs.modified", Value: "true"}}}
	for _, tt := range []struct {
		info *debug.BuildInfo
		want api.Version
	}{
		{noted, api.Version{Version: "v1.2.3", Commit: "abc", Changed: true, Go: "go1.26"}},
		{&debug.BuildInfo{GoVersion: "go1.26", Main: debug.Module{Version: "(devel)"}}, api.Version{Version: "(devel)", Commit: "unknown", Go: "go1.26", Detail: unstamped}},
		{nil, api.Version{Version: "unknown", Commit: "unknown", Go: "unknown", Detail: unstamped}},
	} {
		if got := builtFrom(tt.info); got != tt.want {
			t.Errorf("of %+v: %+v, want %+v", tt.info, got, tt.want)
		}
	}
}
