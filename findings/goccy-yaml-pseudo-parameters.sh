#!/usr/bin/env bash
# goccy/go-yaml refuses CloudFormation's usual way to name a parameter on one line.
#
# One would expect: {Name: !Ref AWS::StackName} is YAML: within braces, a colon
# ends a key only where a space or a brace follows it. AWS's own templates are
# full of such lines.
# What happens: goccy/go-yaml says "value is not allowed in this context", unless
# the tag or the braces are left out, or the value stands in quotes.
# gopkg.in/yaml.v3 and PyYAML read all four alike.
# Versions: goccy/go-yaml 1.19.2, gopkg.in/yaml.v3 3.0.1, PyYAML 6.0.2.
# Why it matters: a check of templates that is built on it refuses sound ones, and
# one who writes them to suit it cannot take over what AWS publishes.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
export GOMODCACHE="$dir/mod" GOFLAGS=-modcacherw

cat >main.go <<'GO'
// Command finding reads lines of YAML by two libraries.
package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml/parser"
	yaml "gopkg.in/yaml.v3"
)

func main() {
	changed := false
	for _, row := range []struct {
		line  string
		reads bool
	}{
		{"Tags: {Name: !Ref AWS::StackName}", false},
		{"Tags: {Name: AWS::StackName}", true},
		{`Tags: {Name: !Ref "AWS::StackName"}`, true},
		{"Tags:\n  Name: !Ref AWS::StackName", true},
	} {
		_, err := parser.ParseBytes([]byte(row.line+"\n"), 0)
		var node yaml.Node
		other := yaml.Unmarshal([]byte(row.line+"\n"), &node)
		said := "read"
		if err != nil {
			said, _, _ = strings.Cut(err.Error(), "\n")
		}
		value := node.Content[0].Content[1].Content[1]
		fmt.Printf("%-40q goccy/go-yaml: %s; yaml.v3: %q\n", row.line, said, value.Value)
		changed = changed || (err == nil) != row.reads || other != nil || value.Value != "AWS::StackName"
	}
	if changed {
		fmt.Println("changed")
		os.Exit(1)
	}
}
GO
go mod init finding 2>log
go get github.com/goccy/go-yaml@v1.19.2 gopkg.in/yaml.v3@v3.0.1 2>log || { cat log; exit 1; }
go list -m github.com/goccy/go-yaml gopkg.in/yaml.v3
go build -o finding .
timeout 60 ./finding

python3 -m venv venv
venv/bin/pip install -q PyYAML==6.0.2 2>log || { cat log; exit 1; }
venv/bin/python - <<'PY'
import yaml

class Loader(yaml.SafeLoader):
    pass

Loader.add_constructor("!Ref", lambda loader, node: loader.construct_scalar(node))
for line in ("Tags: {Name: !Ref AWS::StackName}", "Tags: {Name: AWS::StackName}",
             'Tags: {Name: !Ref "AWS::StackName"}', "Tags:\n  Name: !Ref AWS::StackName"):
    assert yaml.load(line, Loader) == {"Tags": {"Name": "AWS::StackName"}}, line
print("PyYAML", yaml.__version__, "reads all four alike")
PY
