package cli

import (
	"io"
	"strings"
	"testing"
)

// What flags do not say, variables do.
func TestFlagsAndVariables(t *testing.T) {
	for _, tt := range []struct {
		args string
		env  map[string]string
		says string
	}{
		{"", nil, "set --fleet or SLUICE_FLEET"},
		{"--fleet f", nil, "--bucket"},
		{"", map[string]string{"SLUICE_FLEET": "f"}, "--bucket"},
		{"--fleet f", map[string]string{"SLUICE_BUCKET": "b"}, "--task"},
		{"--fleet f --bucket b extra", nil, `takes no "extra"`},
		{"--fleet f --bucket b --nonsense", nil, "nonsense"},
		{"--fleet f --bucket b --task t", map[string]string{"SLUICE_MAX_WAIT": "soon"}, `SLUICE_MAX_WAIT is "soon"`},
		{"--fleet f --bucket b --task t --fetch-timeout 0s", nil, "--fetch-timeout"},
		{"--fleet f --bucket b --task t", map[string]string{"SLUICE_FETCH_TIMEOUT": "0s"}, "--fetch-timeout"},
		{"--fleet f --bucket b --task t --max-in-hand 0", map[string]string{"SLUICE_MAX_IN_HAND": "7"}, "--max-in-hand must be more"},
	} {
		root := root()
		root.SetOut(io.Discard)
		for _, c := range root.Commands() {
			if c.Name() == "task" {
				root.RemoveCommand(c)
			}
		}
		root.AddCommand(taskIn(func(name string) string { return tt.env[name] }))
		root.SetArgs(append([]string{"task"}, strings.Fields(tt.args)...))
		if err := root.ExecuteContext(t.Context()); err == nil || !strings.Contains(err.Error(), tt.says) || exitCode(t.Context(), err) != exitUsage {
			t.Errorf("%q in %v: %v does not say %s", tt.args, tt.env, err, tt.says)
		}
	}
}
