package controller

import (
	"fmt"
	"path"
	"strings"
)

const (
	// maxJobName is the longest name that SageMaker gives a training job, and
	// the longest part of one that it looks for.
	maxJobName = 63

	// jobLetters are all that such names are made of.
	jobLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-"
)

// checkJobPattern refuses patterns that no training job's name matches:
// SageMaker would turn away whoever looks for some of them, and of the others a
// fleet would never see a model. Names are [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}.
func checkJobPattern(pattern string) error {
	if _, err := path.Match(pattern, ""); err != nil {
		return fmt.Errorf("jobs: pattern %q: %w", pattern, err)
	}
	const names = "names of training jobs are letters, digits and dashes"
	parts := patternParts(pattern)
	least := 0
	for _, part := range parts {
		if part == "*" {
			continue
		}
		least++
		switch {
		case part == "{" || part == "}" || part == ",":
			return fmt.Errorf("jobs: pattern %q has %q, which stands for nothing here: write a pattern for each, as in [\"adfilter-a-*\", \"adfilter-b-*\"]", pattern, part)
		case !mayBe(part, jobLetters):
			return fmt.Errorf("jobs: pattern %q has %q, and no training job's name does: %s: write one that they can match", pattern, part, names)
		}
	}
	switch {
	case len(parts) == 0:
		return fmt.Errorf("jobs: pattern %q matches no name: write one such as \"adfilter-*\"", pattern)
	case least > maxJobName:
		return fmt.Errorf("jobs: pattern %q wants names of %d letters or more, and names of training jobs have %d at most: shorten it", pattern, least, maxJobName)
	case !mayBegin(parts[0]):
		return fmt.Errorf("jobs: pattern %q begins with a dash, and no training job's name does: begin it with a letter, a digit or *", pattern)
	case !mayBegin(parts[len(parts)-1]):
		return fmt.Errorf("jobs: pattern %q ends with a dash, and no training job's name does: end it with *", pattern)
	}
	return nil
}

// patternParts splits a pattern that path.Match takes into what stands for one
// letter each, and stars.
func patternParts(pattern string) (parts []string) {
	for pattern != "" {
		n := 1
		switch r := pattern[0]; {
		case r == '\\':
			n = 1 + len(firstRune(pattern[1:]))
		case r == '[':
			n = classLength(pattern)
		case r >= 0x80:
			n = len(firstRune(pattern))
		}
		parts, pattern = append(parts, pattern[:n]), pattern[n:]
	}
	return parts
}

func firstRune(text string) string {
	for _, r := range text {
		return string(r)
	}
	return ""
}

// classLength is how long the class is that a pattern begins with.
func classLength(pattern string) int {
	for i := 1; i < len(pattern); i++ {
		switch pattern[i] {
		case '\\':
			i++
		case ']':
			return i + 1
		}
	}
	return len(pattern)
}

// mayBegin reports whether a part may stand where a name has no dash.
func mayBegin(part string) bool {
	return part == "*" || mayBe(part, strings.TrimSuffix(jobLetters, "-"))
}

// mayBe reports whether a part matches one of those letters.
func mayBe(part, letters string) bool {
	for _, letter := range letters {
		if is, _ := path.Match(part, string(letter)); is { // the pattern was checked
			return true
		}
	}
	return false
}
