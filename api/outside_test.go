package api_test

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

var (
	schemathesis = flag.String("schemathesis", "", "`program` of that name, which asks for everything in the document; make contract gives it")
	examples     = flag.String("examples", "100", "`number` of requests that it makes for each operation")
)

// Whatever is made of the document by somebody who knows nothing else of the
// server, or its fleet's name besides, no answer is trouble of the server's, or
// off the document. Streams have no end, and are held against it elsewhere.
func TestContractFromOutside(t *testing.T) {
	if *schemathesis == "" {
		t.Skip("make contract runs it")
	}
	for _, tt := range []struct{ name, without, known string }{
		{"stranger", "positive_data_acceptance", ""}, // some makes no sense as things stand
		// A path that was made wrong on purpose is put right by what is known.
		{"colleague", "positive_data_acceptance,negative_data_rejection", "[parameters]\n\"path.fleet\" = \"demo\"\n\"path.id\" = \"better\"\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := apitest.Scene("canary", noon)
			f.Logs = map[string][][]byte{"better": {{0}, {1}}}
			c, dir := apitest.Serve(t, f, api.Options{}), t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "schemathesis.toml"), []byte(tt.known), 0o600); err != nil {
				t.Fatal(err)
			}
			run := exec.CommandContext(t.Context(), *schemathesis, "run", c.Base+"/v1/openapi.json", "--url", c.Base, "--exclude-path", "/v1/fleets/{fleet}/events",
				"--checks", "all", "--exclude-checks", tt.without, "--max-examples", *examples, "--no-color", "--continue-on-failure")
			run.Stdout, run.Stderr, run.Dir = os.Stdout, os.Stderr, dir
			if err := run.Run(); err != nil {
				t.Errorf("schemathesis: %v", err)
			}
		})
	}
}
