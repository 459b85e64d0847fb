package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/checks/cloud"
)

// typed are the lines that docs/aws.md tells people to type, continued ones as
// one.
func typed(t *testing.T) (lines []string) {
	t.Helper()
	text, err := os.ReadFile("../docs/aws.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```\n") {
		if i%2 == 1 {
			lines = append(lines, strings.Split(strings.TrimSpace(block), "\n")...)
		}
	}
	if len(lines) == 0 {
		t.Fatal("docs/aws.md has no commands")
	}
	return lines
}

// TestAWSDocument holds docs/aws.md against what it speaks of: commands and
// flags of sluice, of the AWS CLI, parameters and outputs of the templates, and
// the training job.
func TestAWSDocument(t *testing.T) {
	t.Parallel()
	lines := typed(t)
	t.Run("sluice", func(t *testing.T) { ownCommands(t, lines) })
	t.Run("templates", func(t *testing.T) { deployments(t, lines) })
	t.Run("aws", func(t *testing.T) { awsCommands(t, lines) })
}

func ownCommands(t *testing.T, lines []string) {
	program := taskCommand()[0]
	seen := 0
	for _, m := range regexp.MustCompile(`bin/sluice ([a-z]+)([^|>\n]*)`).FindAllStringSubmatch(strings.Join(lines, "\n"), -1) {
		help, err := exec.CommandContext(t.Context(), program, m[1], "--help").Output()
		if err != nil {
			t.Errorf("sluice %s --help: %v", m[1], err)
		}
		for _, flag := range regexp.MustCompile(`--[a-z-]+`).FindAllString(m[2], -1) {
			if !strings.Contains(string(help), " "+flag+" ") {
				t.Errorf("sluice %s has no %s", m[1], flag)
			}
		}
		seen++
	}
	if seen < 5 {
		t.Errorf("the document has %d commands of sluice", seen)
	}
}

// deployments holds what is given to stacks, and read from them.
func deployments(t *testing.T, lines []string) {
	stacks := map[string]cloud.Template{}
	all := strings.NewReplacer("$FLEET", "ads").Replace(strings.Join(lines, "\n"))
	for _, m := range regexp.MustCompile(`cloudformation deploy --stack-name (\S+) --template-file (\S+)(.*)`).FindAllStringSubmatch(all, -1) {
		template, err := cloud.Read(filepath.Join("..", m[2]))
		if err != nil {
			t.Fatal(err)
		}
		var given []string
		_, overrides, _ := strings.Cut(m[3], "--parameter-overrides")
		for _, p := range regexp.MustCompile(`(?:^| )([A-Z]\w+)=`).FindAllStringSubmatch(overrides, -1) {
			given = append(given, p[1])
			if template.Parameters[p[1]] == nil {
				t.Errorf("%s has no parameter %s", m[2], p[1])
			}
		}
		for name, p := range template.Parameters {
			_, again := stacks[m[1]] // what is left out stays as it is
			if has, _ := p.(map[string]any); has["Default"] == nil && !again && !slices.Contains(given, name) {
				t.Errorf("%s wants %s, which the line does not give", m[2], name)
			}
		}
		roles := slices.ContainsFunc(kindsOf(template), func(k string) bool { return strings.HasPrefix(k, "AWS::IAM::") })
		if roles != strings.Contains(m[3], "CAPABILITY_IAM") {
			t.Errorf("%s makes roles (%v), and the line says %q", m[2], roles, m[3])
		}
		stacks[m[1]] = template
	}
	for _, m := range regexp.MustCompile(`output (\S+) ([A-Z]\w+)`).FindAllStringSubmatch(all, -1) {
		if stacks[m[1]].Outputs[m[2]] == nil {
			t.Errorf("stack %s has no output %s", m[1], m[2])
		}
	}
	if len(stacks) != 4 {
		t.Errorf("%d stacks are deployed: want one of every template", len(stacks))
	}
}

func kindsOf(t cloud.Template) (kinds []string) {
	for _, r := range t.Resources {
		m, _ := r.(map[string]any)
		kinds = append(kinds, fmt.Sprint(m["Type"]))
	}
	return kinds
}

func awsCommands(t *testing.T, lines []string) {
	if err := exec.CommandContext(t.Context(), "python3", "-c", "import botocore").Run(); err != nil {
		t.Skip("NOT CHECKED: there is no botocore: python3 -m pip install boto3")
	}
	job, err := os.ReadFile("../deploy/aws/training-job.json")
	if err != nil {
		t.Fatal(err)
	}
	filled := strings.NewReplacer("BUCKET", "training", "ROLE", "arn:aws:iam::000000000000:role/train", "IMAGE", "registry/sagemaker-xgboost:3.0-5", `"JOB"`, `"adfilter-1"`).Replace(string(job))
	var line bytes.Buffer
	if err := json.Compact(&line, []byte(filled)); err != nil {
		t.Fatal(err)
	}
	var commands []string
	inner := regexp.MustCompile(`\$\(([^()]*)\)`)
	for _, l := range lines {
		for m := inner.FindStringSubmatch(l); m != nil; m = inner.FindStringSubmatch(l) { // what is asked for inside another
			commands = append(commands, m[1])
			l = strings.Replace(l, m[0], "x", 1)
		}
		commands = append(commands, regexp.MustCompile(` (?:&&|;|\|) `).Split(l, -1)...)
	}
	var asked []string
	for _, c := range commands {
		c = regexp.MustCompile(`(?s)^.*?(aws [a-z])`).ReplaceAllString(c, "$1")
		c, _, _ = strings.Cut(c, " > ")
		if c = strings.TrimRight(strings.TrimSpace(c), ";&} "); strings.HasPrefix(c, "aws ") {
			asked = append(asked, c)
		}
	}
	if len(asked) < 20 {
		t.Errorf("the document has %d commands of aws: %q", len(asked), asked)
	}
	check := exec.CommandContext(t.Context(), "python3", "testdata/aws_document.py")
	check.Stdin = strings.NewReader(strings.Join(append(asked, line.String()), "\n") + "\n")
	if said, err := check.CombinedOutput(); err != nil || len(said) > 0 {
		t.Errorf("%v\n%s", err, said)
	}
}
