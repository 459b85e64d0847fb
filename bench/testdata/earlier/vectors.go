package main

import "github.com/sluicehq/sluice/inference/model"

// What the earlier program, which knows no vectors, says in place of vectors.go.

func fastest() model.Evaluator { return model.Memo }

func widest() string { return "" }
