//go:build ignore

// Command build bundles the dashboard's TypeScript, src/main.ts and what it
// imports, into static/app.js. The same sources give the same bytes. It checks
// syntax, not types: tsc does that.
//
//	go generate ./web            bundle
//	go run ./web/build.go        the same, from the top of the repository
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/evanw/esbuild/pkg/api"
)

func main() {
	if err := bundle(); err != nil {
		fmt.Fprintln(os.Stderr, "build the dashboard:", err)
		os.Exit(1)
	}
}

func bundle() error {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return fmt.Errorf("this program does not know where its source is")
	}
	web := filepath.Dir(here)
	if !filepath.IsAbs(web) { // go run -trimpath
		return fmt.Errorf("run it without -trimpath")
	}
	result := api.Build(api.BuildOptions{
		AbsWorkingDir: web,
		EntryPoints:   []string{"src/main.ts"},
		Outfile:       "static/app.js",
		Bundle:        true,
		Format:        api.FormatESModule,
		Target:        api.ES2022,
		Charset:       api.CharsetUTF8,
		LegalComments: api.LegalCommentsNone,
		Banner:        map[string]string{"js": "// Made from web/src by web/build.go. Do not edit."},
		Write:         true,
		LogLevel:      api.LogLevelWarning,
	})
	if n := len(result.Errors); n > 0 {
		return fmt.Errorf("%d errors", n)
	}
	return nil
}
