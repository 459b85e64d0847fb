package rollout

import (
	"strings"
	"time"
)

// refused tells why an artifact got near no task.
func (t teller) refused() Headline {
	n, safe := t.name(), "No task has loaded it. "
	switch t.Reason { //nolint:exhaustive // the others are words of package admit
	case Aborted:
		return Headline{t.because(t.who() + " gave " + n + " up before a task loaded it"), "`sluice try` starts it again."}
	case ArtifactTimeout:
		file, within := awaited(between(t.Sentence, "(artifact_wait): ", "")), "in time"
		if wait, err := time.ParseDuration(between(t.Sentence, "after ", " ")); err == nil {
			within = "within " + lasting(wait)
		}
		return Headline{fit(n + " was refused: " + file.then + " " + within + "."), safe + file.cure + ", then `sluice try` it."}
	}
	why, known := refusals(t.Sentence)[t.Reason]
	if !known {
		return t.plainly()
	}
	var lines []string
	for _, line := range why.lines {
		lines = append(lines, n+" was refused: "+line+".")
	}
	return Headline{fit(lines...), safe + why.cure}
}

// refusal is a word of package admit in plain words.
type refusal struct {
	lines []string // from the fullest to the shortest
	cure  string
}

// refusals are all of them, by a sentence that says more.
func refusals(sentence string) map[Reason]refusal {
	return map[Reason]refusal{
		"golden":      golden(sentence),
		"pickle":      {[]string{"it is a Python pickle that holds more than a model; nothing in it was run", "it is a pickle that holds more than a model"}, "Save the model itself, with save_model of its library."},
		"format":      {[]string{"no model that can be read was found in its file", "it cannot be read"}, "Upload model.tar.gz as the training script writes it; the sentence beneath says what was found."},
		"torn":        {[]string{"only a part of its file is there"}, "Upload it again, whole."},
		"too_large":   {[]string{"it is larger than what a task may load"}, "Train a smaller model, or pack only the model and its manifest."},
		"objective":   {[]string{"it does not give one number per request", "it gives no score"}, "Train it for one target, as with binary:logistic."},
		"booster":     {[]string{"its trees are of a kind that is not scored here", "its trees are not known here"}, "Train it with the usual trees; the sentence beneath says which setting it is."},
		"unsafe_path": {[]string{"its archive holds something that is no plain file of its own", "its archive is not safe"}, "Pack plain files by their plain names."},
		"manifest":    {[]string{"its manifest is missing, or says what cannot be", "its manifest is not right"}, "Let the training script of this version write it."},
		"contract":    {[]string{"its model and its manifest do not agree on the features", "its features do not fit"}, "Write the manifest in the order in which the model was trained."},
		"filter_rate": {[]string{"how much it says it would filter is not to be believed, or not allowed", "its filter rate is not allowed"}, "Compare its prediction with its golden auctions, and see that training saw what serving sees."},
	}
}

// golden tells of answers that are not those of training, and of examples that
// cannot be answered at all.
func golden(sentence string) refusal {
	says := func(part string) bool { return strings.Contains(sentence, part) }
	r := refusal{[]string{"it does not answer here as it did in training"}, ""}
	if wrong, all := differing(sentence); wrong != "" {
		r.lines = []string{r.lines[0] + " (" + wrong + " of " + all + " examples differ)", r.lines[0]}
	}
	switch {
	case says(" of its auction is "):
		r.cure = "Likely cause: the features are made otherwise in training, or stand in another order than the manifest says."
	case says("another order"):
		r.cure = "Likely cause: the features stand in another order than the manifest says, or it is another model than the manifest's."
	case says("Likely cause"), says("likely cause"):
		r.cure = "The sentence beneath names the likely cause, by what was tried."
	case says(" differ"), says(" scores "), says(" gives the margin "):
		r.cure = "Likely cause: another model than the one that the manifest was written for."
	default:
		return refusal{[]string{"its examples of how it answers cannot be used", "its examples cannot be used"}, "Let the training script write them."}
	}
	return r
}

// differing are how many examples differ, of how many; empty where a sentence
// tells of the first alone.
func differing(sentence string) (wrong, all string) {
	words := strings.Fields(strings.NewReplacer(" answers of its library", "", ";", "", ":", "").Replace(sentence))
	for i := 3; i < len(words); i++ {
		if words[i] == "differ" && words[i-2] == "of" {
			return words[i-3], words[i-1]
		}
	}
	return "", ""
}

// file is how the file of an artifact is that cannot be checked yet, and what
// helps: while it is awaited, and once it is not any more.
type file struct{ now, way, then, cure string }

// awaited tells in plain words why an artifact is awaited.
func awaited(sentence string) file {
	says := func(part string) bool { return strings.Contains(sentence, part) }
	switch {
	case says("is not there yet"):
		return file{"its file is not in S3 yet", "Nothing to do while the training job uploads it", "its file was not in S3", "Upload it, or see where the training job writes"}
	case says("is being overwritten"):
		return file{"its file is being overwritten", "Let every training job write to a place of its own", "its file was being overwritten and came to no rest", "Let every training job write to a place of its own"}
	case says("cannot be read"):
		return file{"S3 does not give its file out", "Allow the controller to read it; S3's own words stand beneath", "S3 did not give its file out", "Allow the controller to read it; S3's own words stand beneath"}
	case says("still looking"):
		return file{"its file is large and still being checked", "Nothing to do", "its file was not checked", "See that the controller reads it fast enough"}
	}
	return file{"its file is not whole yet", "Nothing to do while it is uploaded; if that broke off, upload it again", "its file was not whole", "Upload it again, whole"}
}
