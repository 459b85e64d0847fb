package cli

import (
	"strings"
	"testing"
)

// What a demo cannot play is said before anything starts.
func TestDemoThatCannotBePlayed(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{
		"--scene tunning":             `there is no scene "tunning": --scene takes better, partner-blind,`,
		"--scene deployment,baseline": `there is no scene "baseline"`, // it is played anyway
		"--chaos --scene tuning":      "--chaos kills in scene better: add it to --scene",
		"--tasks 3 --scene tuning":    "--tasks is 3: want 4 to 64",
		"--json --scene tuning":       "add --once",
	} {
		out, err := run(t, append([]string{"demo"}, strings.Fields(args)...)...)
		if err == nil || !strings.Contains(err.Error(), want) || out != "" || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("sluice demo %s prints %q: %v, want %s", args, out, err, want)
		}
	}
}
