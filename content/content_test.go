package content

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRead(t *testing.T) {
	const secret = "hunter2hunter2"
	file := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(file, []byte(secret+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"SLUICE_TOKEN_A": secret,
		"SLUICE_EMPTY":   "",
		"SLUICE_JSON":    `{"token": "` + secret + `", "lines": "a\nb", "a:b": "colon", "port": 9091, "none": null, "empty": "", "Token": "another"}`,
		"SLUICE_TORN":    `{"token": "` + secret + `"`,
		"SLUICE_TWICE":   `{"token": "` + secret + `", "token": "other"}`,
		"SLUICE_MORE":    `{"token": "` + secret + `"} {}`,
		"SLUICE_LIST":    `["` + secret + `"]`,
		"SLUICE_LONG":    strings.Repeat("x", 101),
	} {
		t.Setenv(name, text)
	}
	for _, tt := range []struct{ name, want, err string }{
		{file, secret + "\n", ""},
		{"env:SLUICE_TOKEN_A", secret, ""},
		{"env:SLUICE_JSON:token", secret, ""},
		{"env:SLUICE_JSON:lines", "a\nb", ""},
		{"env:SLUICE_JSON:a:b", "colon", ""},
		{filepath.Join(filepath.Dir(file), "none"), "", "no such file"},
		{"env:", "", "want env:NAME"},
		{"env:A-B", "", "want env:NAME"},
		{"env:SLUICE_JSON:", "", "want env:NAME"},
		{"env:SLUICE_NOBODY_SETS", "", "there is no variable SLUICE_NOBODY_SETS"},
		{"env:SLUICE_NOBODY_SETS:token", "", "there is no variable SLUICE_NOBODY_SETS"},
		{"env:SLUICE_EMPTY", "", "the variable SLUICE_EMPTY is empty"},
		{"env:SLUICE_TOKEN_A:token", "", "holds no JSON object"},
		{"env:SLUICE_TORN:token", "", "holds no JSON object"},
		{"env:SLUICE_TWICE:token", "", "holds no JSON object"},
		{"env:SLUICE_MORE:token", "", "holds no JSON object"},
		{"env:SLUICE_LIST:token", "", "holds no JSON object"},
		{"env:SLUICE_JSON:other", "", `without the key "other"`},
		{"env:SLUICE_JSON:port", "", `something else than text under "port"`},
		{"env:SLUICE_JSON:none", "", `something else than text under "none"`},
		{"env:SLUICE_JSON:empty", "", `an empty text under "empty"`},
		{"env:SLUICE_LONG", "", "more than 100 bytes"},
	} {
		got, err := Read(tt.name, 100)
		switch {
		case tt.err == "" && (err != nil || string(got) != tt.want):
			t.Errorf("%s: %q, %v", tt.name, got, err)
		case tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err) || len(got) > 0):
			t.Errorf("%s: %q, %v: want an error with %q", tt.name, got, err, tt.err)
		case err != nil && (strings.Contains(err.Error(), secret) || !strings.Contains(err.Error(), strings.Split(tt.name, ":")[0])):
			t.Errorf("%s: the error shows the secret, or not whose it is: %v", tt.name, err)
		}
	}
	if _, err := Read(file, 3); err == nil || !strings.Contains(err.Error(), "more than 3 bytes") {
		t.Errorf("a long file: %v", err)
	}
}
