package main

import "github.com/sluicehq/sluice/inference/model"

// This file is not in the earlier program that ours is measured beside: see
// testdata/earlier.

// fastest is the evaluator of known partners, on this processor.
func fastest() model.Evaluator {
	if widest() == "" {
		return model.Memo
	}
	return model.Lanes
}

// widest names the registers that they are scored in, "" for none.
func widest() string {
	if v := model.HasVectors(); v != model.NoVectors {
		return string(v)
	}
	return ""
}
