//go:build !xgboost

package main

// booster is nothing without the library.
type booster struct{}

func openXGBoost([]byte, int) (*booster, error) { return nil, errNoXGBoost }

func (*booster) margins(_, _ []float32) {}

func (*booster) close() {}
