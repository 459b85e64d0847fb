package controller

import (
	"path"
	"regexp"
	"strings"
	"testing"
)

func TestJobPatterns(t *testing.T) {
	for pattern, says := range map[string]string{
		"*":                       "",
		"adfilter-*":              "",
		"*-adfilter-?":            "",
		"Ad[a-f0-9]*":             "",
		`ad\-filter*`:             "",
		"[a_]d*":                  "",
		"[^_]*":                   "",
		"a":                       "",
		"a*-":                     "ends with a dash",
		strings.Repeat("a", 63):   "",
		strings.Repeat("a?", 32):  "wants names of 64 letters or more",
		strings.Repeat("a", 64):   "wants names of 64 letters or more",
		"ad_filter*":              `jobs: pattern "ad_filter*" has "_", and no training job's name does: names of training jobs are letters, digits and dashes`,
		"ad.filter*":              `has "."`,
		"ad filter*":              `has " "`,
		"ad/filter*":              `has "/"`,
		"prüf-*":                  `has "ü"`,
		"ad[_.]*":                 `has "[_.]"`,
		`ad\_*`:                   `has "\\_"`,
		"adfilter-{a,b}-*":        `jobs: pattern "adfilter-{a,b}-*" has "{", which stands for nothing here: write a pattern for each, as in ["adfilter-a-*", "adfilter-b-*"]`,
		"adfilter-a,adfilter-b":   `has ","`,
		"-adfilter":               "begins with a dash",
		"adfilter-":               "ends with a dash",
		"":                        "matches no name",
		"ad[":                     "syntax error in pattern",
		"arn:aws:sagemaker:job/a": `has ":"`,
	} {
		err := checkJobPattern(pattern)
		if (err != nil) != (says != "") || err != nil && !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %q", pattern, err, says)
		}
	}
}

// What any name matches is never refused.
func FuzzJobPattern(f *testing.F) {
	f.Add("adfilter-*", "adfilter-1")
	f.Add("[^a-z]?*", "A-1")
	f.Add(`\a[\]b-d]`, "ac")
	name := regexp.MustCompile(`^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$`)
	f.Fuzz(func(t *testing.T, pattern, job string) {
		if is, err := path.Match(pattern, job); err != nil || !is || !name.MatchString(job) || len(job) > maxJobName {
			return
		}
		if err := checkJobPattern(pattern); err != nil {
			t.Errorf("%q matches %q: %v", pattern, job, err)
		}
	})
}
