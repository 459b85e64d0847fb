package feature

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// What one value of JSON says to the attribute in which it stands. Requests
// reach a model by Thrift, whose types hold no more than this, so that whoever
// reads JSON reads it by these rules: the rows of training, golden vectors, and
// the client that sends a log. A value of another kind is absent.

// Text reads a string, or a number as it is spelled.
func Text(value []byte) (string, bool) {
	switch {
	case value[0] == '"':
		return Unquote(value), true
	case isNumber(value):
		return string(value), true
	}
	return "", false
}

// Whole reads an i32: a fraction is cut off, and what is beyond 32 bits is
// absent.
func Whole(value []byte) (int32, bool) {
	n, ok := spelled(value)
	if !ok || n <= math.MinInt32-1 || n >= math.MaxInt32+1 {
		return 0, false
	}
	return int32(n), true
}

// Wide reads an i64: a fraction is cut off, and what is beyond 64 bits is
// absent.
func Wide(value []byte) (int64, bool) {
	text := string(value)
	if value[0] == '"' {
		text = Unquote(value)
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, true
	}
	n, ok := spelled(value)
	if !ok || n < math.MinInt64 || n >= math.MaxInt64 {
		return 0, false
	}
	return int64(n), true
}

// Amount reads a double that is finite as a float32, too, of which models are
// made.
func Amount(value []byte) (float64, bool) { return spelled(value) }

// Flag reads a bool: true is every number but zero.
func Flag(value []byte) (bool, bool) {
	n, ok := spelled(value)
	return float32(n) != 0, ok
}

// Unquote returns the text of a string of valid JSON.
func Unquote(value []byte) string {
	if !slices.ContainsFunc(value, func(c byte) bool { return c >= utf8.RuneSelf || c == '\\' }) {
		return string(value[1 : len(value)-1])
	}
	var s string
	if err := json.Unmarshal(value, &s); err != nil {
		panic("feature: valid JSON did not unmarshal: " + err.Error())
	}
	return s
}

// spelled reads a number, a flag, or a string that holds one.
func spelled(value []byte) (float64, bool) {
	text := string(value)
	if value[0] == '"' {
		text = strings.ToLower(strings.TrimSpace(Unquote(value)))
	}
	switch text {
	case "true":
		return 1, true
	case "false":
		return 0, true
	}
	n, err := strconv.ParseFloat(text, 64)
	return n, err == nil && finite(float32(n))
}

func isNumber(b []byte) bool { return b[0] == '-' || b[0] >= '0' && b[0] <= '9' }
