//go:build !others

package main

import "context"

// others are nothing without cgo.
type otherScorers struct{ xgboost, tl2cgen string }

func openOthers(context.Context, string, *forest) (*otherScorers, error) { return nil, errNoOthers }

func (*otherScorers) margins(_, _ []float32) {}

func (*otherScorers) compiled(_, _ []float32) {}

func (*otherScorers) close() {}
