//go:build others

package main

/*
#cgo LDFLAGS: -ldl
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

// XGBoost's C API, as much of it as is used.
typedef void *booster;
static struct {
	int (*create)(const void *, uint64_t, booster *);
	int (*load)(booster, const void *, uint64_t);
	int (*set)(booster, const char *, const char *);
	int (*predict)(booster, const char *, const char *, void *, const uint64_t **, uint64_t *, const float **);
	int (*release)(booster);
	const char *(*error)(void);
} xgb;

// What tl2cgen makes of a model.
typedef union { int missing; float value; int rank; } entry;
static void (*trees)(entry *, int, float *);

// find returns the name of what is missing, or NULL.
static const char *find(const char *xgboost, const char *compiled) {
	void *lib = dlopen(xgboost, RTLD_NOW | RTLD_LOCAL);
	if (!lib) return dlerror();
	if (!(xgb.create = dlsym(lib, "XGBoosterCreate"))) return "XGBoosterCreate";
	if (!(xgb.load = dlsym(lib, "XGBoosterLoadModelFromBuffer"))) return "XGBoosterLoadModelFromBuffer";
	if (!(xgb.set = dlsym(lib, "XGBoosterSetParam"))) return "XGBoosterSetParam";
	if (!(xgb.predict = dlsym(lib, "XGBoosterPredictFromDense"))) return "XGBoosterPredictFromDense";
	if (!(xgb.release = dlsym(lib, "XGBoosterFree"))) return "XGBoosterFree";
	if (!(xgb.error = dlsym(lib, "XGBGetLastError"))) return "XGBGetLastError";
	if (!(lib = dlopen(compiled, RTLD_NOW | RTLD_LOCAL))) return dlerror();
	return (trees = dlsym(lib, "predict")) ? NULL : "predict";
}

static int create(booster *b, const void *model, uint64_t size) {
	return xgb.create(NULL, 0, b) || xgb.load(*b, model, size) || xgb.set(*b, "nthread", "1");
}

static const char *failure(void) { return xgb.error(); }

static void release(booster b) { xgb.release(b); }

static int margins(booster b, const float *rows, unsigned n, unsigned features, float *out) {
	char array[160];
	snprintf(array, sizeof array, "{\"data\":[%llu,true],\"shape\":[%u,%u],\"typestr\":\"<f4\",\"version\":3}",
		(unsigned long long)(uintptr_t)rows, n, features);
	const char *config = "{\"type\":1,\"training\":false,\"iteration_begin\":0,\"iteration_end\":0,\"strict_shape\":false,\"missing\":NaN,\"cache_id\":0}";
	const uint64_t *shape;
	uint64_t dimensions;
	const float *result;
	int failed = xgb.predict(b, array, config, NULL, &shape, &dimensions, &result);
	if (!failed) memcpy(out, result, n * sizeof *out);
	return failed;
}

static void compiled(const float *rows, unsigned n, unsigned features, float *out) {
	entry row[64];
	for (unsigned i = 0; i < n; i++, rows += features) {
		for (unsigned f = 0; f < features; f++) {
			row[f].value = rows[f];
			if (isnan(rows[f])) row[f].missing = -1;
		}
		out[i] = 0;
		trees(row, 1, out + i);
	}
}
*/
import "C"

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"unsafe"
)

// otherScorers hold one model, each on one thread.
type otherScorers struct {
	xgboost, tl2cgen string // with their versions
	booster          C.booster
	features         int
	folder           string
}

// openOthers has a model loaded by XGBoost and compiled by way of tl2cgen, both
// as the Python has them installed.
func openOthers(ctx context.Context, python string, f *forest) (o *otherScorers, err error) {
	if _, err := os.Stat(python); err != nil {
		return nil, errNoOthers
	}
	o = &otherScorers{features: f.features}
	if o.folder, err = os.MkdirTemp("", "sluice-bench-"); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			o.close()
		}
	}()
	saved, path := f.json(), filepath.Join(o.folder, "model.json")
	if err := os.WriteFile(path, saved, 0o600); err != nil {
		return nil, err
	}
	run := exec.CommandContext(ctx, python, "others.py", path, o.folder)
	run.Stderr = os.Stderr
	said, err := run.Output()
	if err != nil {
		return nil, fmt.Errorf("compile the model by others.py: %w", err)
	}
	var made struct{ XGBoost, Library, TL2cgen, Compiled string }
	if err := json.Unmarshal(said, &made); err != nil {
		return nil, fmt.Errorf("read what others.py says: %w", err)
	}
	o.xgboost, o.tl2cgen = made.XGBoost, made.TL2cgen
	if missing := C.find(C.CString(made.Library), C.CString(made.Compiled)); missing != nil {
		return nil, fmt.Errorf("load what others.py made: %s", C.GoString(missing))
	}
	if C.create(&o.booster, unsafe.Pointer(&saved[0]), C.uint64_t(len(saved))) != 0 {
		return nil, o.failure("load the model")
	}
	return o, nil
}

func (o *otherScorers) failure(what string) error {
	return fmt.Errorf("%s: %w", what, errors.New(C.GoString(C.failure())))
}

// margins has XGBoost score one batch, without copying rows.
func (o *otherScorers) margins(rows, out []float32) {
	if C.margins(o.booster, (*C.float)(&rows[0]), C.unsigned(len(out)), C.unsigned(o.features), (*C.float)(&out[0])) != 0 {
		panic(o.failure("predict")) // it could load the model
	}
}

// compiled has compiled trees score one batch, row by row.
func (o *otherScorers) compiled(rows, out []float32) {
	C.compiled((*C.float)(&rows[0]), C.unsigned(len(out)), C.unsigned(o.features), (*C.float)(&out[0]))
}

func (o *otherScorers) close() {
	if o.booster != nil {
		C.release(o.booster)
	}
	os.RemoveAll(o.folder)
}
