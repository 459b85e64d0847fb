//go:build xgboost

package main

/*
#cgo LDFLAGS: -lxgboost
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <xgboost/c_api.h>

static int margins(BoosterHandle b, const float *rows, unsigned n, unsigned features, float *out) {
	char array[160];
	snprintf(array, sizeof array, "{\"data\":[%llu,true],\"shape\":[%u,%u],\"typestr\":\"<f4\",\"version\":3}",
		(unsigned long long)(uintptr_t)rows, n, features);
	const char *config = "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false,\"missing\":NaN,\"cache_id\":0}";
	bst_ulong const *shape;
	bst_ulong dimensions;
	const float *result;
	int failed = XGBoosterPredictFromDense(b, array, config, NULL, &shape, &dimensions, &result);
	if (!failed) memcpy(out, result, n * sizeof *out);
	return failed;
}
*/
import "C"

import (
	"errors"
	"fmt"
	"unsafe"
)

// booster is a model in XGBoost's own hands, on one thread.
type booster struct {
	handle   C.BoosterHandle
	features int
}

func openXGBoost(model []byte, features int) (*booster, error) {
	b := &booster{features: features}
	if C.XGBoosterCreate(nil, 0, &b.handle) != 0 {
		return nil, b.failure("create a booster")
	}
	name, one := C.CString("nthread"), C.CString("1") // as long as the process
	if C.XGBoosterLoadModelFromBuffer(b.handle, unsafe.Pointer(&model[0]), C.bst_ulong(len(model))) != 0 {
		return nil, b.failure("load the model")
	}
	if C.XGBoosterSetParam(b.handle, name, one) != 0 {
		return nil, b.failure("set nthread")
	}
	return b, nil
}

func (b *booster) failure(what string) error {
	return fmt.Errorf("%s: %w", what, errors.New(C.GoString(C.XGBGetLastError())))
}

// margins scores one batch, without copying rows.
func (b *booster) margins(rows, out []float32) {
	if C.margins(b.handle, (*C.float)(&rows[0]), C.unsigned(len(out)), C.unsigned(b.features), (*C.float)(&out[0])) != 0 {
		panic(b.failure("predict")) // it could load the model
	}
}

func (b *booster) close() { C.XGBoosterFree(b.handle) }
