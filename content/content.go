// Package content reads what a flag or a setting names: a file, or a variable
// of the environment, in which ECS and others hand over secrets.
//
//	/etc/sluice/token   the file
//	env:TOKEN           the variable, all of it
//	env:SECRET:token    one key of the JSON object in the variable
//
// No error says what a variable holds, not even in part. It knows nothing of
// what is read, and keeps nothing of it.
package content

import (
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

const variablePrefix = "env:"

// IsVariable reports whether a name is that of a variable, which is as it was
// when the process began.
func IsVariable(name string) bool { return strings.HasPrefix(name, variablePrefix) }

// Read returns what a name stands for, limit bytes at most. A variable that is
// empty is none: that is how one is left that nobody has set.
func Read(name string, limit int) ([]byte, error) {
	if IsVariable(name) {
		text, err := variable(name)
		if err == nil && len(text) > limit {
			err = fmt.Errorf("it has more than %d bytes", limit)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return []byte(text), nil
	}
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, int64(limit)+1))
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	if len(b) > limit {
		return nil, fmt.Errorf("%s has more than %d bytes", name, limit)
	}
	return b, nil
}

func variable(name string) (string, error) {
	of, key, one := strings.Cut(strings.TrimPrefix(name, variablePrefix), ":")
	if !regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`).MatchString(of) || one && key == "" {
		return "", errors.New("want env:NAME, or env:NAME:KEY for one key of the JSON object in it; a file of this name is ./" + name)
	}
	text, set := os.LookupEnv(of)
	switch {
	case !set:
		return "", fmt.Errorf("there is no variable %s: set it where this process is started, as under secrets in a task definition of ECS", of)
	case text == "":
		return "", fmt.Errorf("the variable %s is empty: give it its value where this process is started", of)
	case !one:
		return text, nil
	}
	value, err := keyOf(text, key)
	if err != nil {
		return "", fmt.Errorf("the variable %s %w", of, err)
	}
	return value, nil
}

// keyOf is the text under a key of a JSON object.
func keyOf(text, key string) (string, error) {
	no := fmt.Errorf("holds no JSON object: name all of it, without %q, or put one there such as {%q: \"…\"}", key, key)
	object := jsontext.NewDecoder(strings.NewReader(text))
	if begin, err := object.ReadToken(); err != nil || begin.Kind() != '{' {
		return "", no
	}
	var found jsontext.Value
	for object.PeekKind() == '"' {
		name, err := object.ReadToken()
		if err != nil {
			return "", no
		}
		is := name.String() == key // before the next token takes its place
		value, err := object.ReadValue()
		if err != nil {
			return "", no
		}
		if is {
			found = value.Clone()
		}
	}
	if _, err := object.ReadToken(); err != nil { // the end of the object
		return "", no
	}
	if _, err := object.ReadToken(); !errors.Is(err, io.EOF) {
		return "", no
	}
	switch {
	case found == nil:
		return "", fmt.Errorf("holds a JSON object without the key %q: see how it is written there", key)
	case found.Kind() != '"':
		return "", fmt.Errorf("holds something else than text under %q: put it there in quotes", key)
	}
	value, err := jsontext.AppendUnquote(nil, found)
	switch {
	case err != nil:
		return "", no
	case len(value) == 0:
		return "", fmt.Errorf("holds an empty text under %q: put its value there", key)
	}
	return string(value), nil
}
