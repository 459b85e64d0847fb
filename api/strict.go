package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"
)

// decodeStrictly reads the one JSON value that a body may hold. What
// encoding/json lets pass is refused: of two equal keys it takes the last,
// whatever the case of their letters, and it makes a sign of what is no text.
func decodeStrictly(body []byte, into any) error {
	if !utf8.Valid(body) {
		return sentence(ErrBadRequest, "the body is not as it should be: it is no UTF-8: send UTF-8")
	}
	in := json.NewDecoder(bytes.NewReader(body))
	in.DisallowUnknownFields()
	if err := in.Decode(into); err != nil {
		return sentence(ErrBadRequest, "the body is not as it should be: %s: see /v1/openapi.json", strings.TrimPrefix(err.Error(), "json: "))
	}
	if _, err := in.Token(); !errors.Is(err, io.EOF) {
		return sentence(ErrBadRequest, "the body holds more than one JSON value: send one")
	}
	if key, is := repeated(json.NewDecoder(bytes.NewReader(body)), strings.EqualFold); is {
		return sentence(ErrBadRequest, "the body has the key %.80q twice: keep one", key)
	}
	return nil
}

// repeated returns the first key that stands twice in an object of a value that
// is valid. Names of partners are told apart by the case of their letters.
func repeated(in *json.Decoder, equal func(a, b string) bool) (key string, is bool) {
	open, err := in.Token()
	if err != nil || open != json.Delim('{') && open != json.Delim('[') {
		return "", false
	}
	var seen []string
	for in.More() {
		inner := strings.EqualFold
		if open == json.Delim('{') {
			token, _ := in.Token() // it is valid
			key, _ := token.(string)
			if slices.ContainsFunc(seen, func(k string) bool { return equal(k, key) }) {
				return key, true
			}
			if seen = append(seen, key); strings.EqualFold(key, "partners") {
				inner = func(a, b string) bool { return a == b }
			}
		}
		if key, is := repeated(in, inner); is {
			return key, true
		}
	}
	_, _ = in.Token() // its end
	return "", false
}

// only returns the one parameter that a route takes, empty where it is left out.
func only(r *http.Request, name string) (string, error) {
	query, err := params(r, name)
	return query.Get(name), err
}

// params are the parameters of a request, each of which may stand once.
func params(r *http.Request, names ...string) (url.Values, error) {
	query, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil, sentence(ErrBadRequest, "the query is %.100q: %s: want name=value, joined by &", r.URL.RawQuery, err)
	}
	for name, values := range query {
		switch {
		case !slices.Contains(names, name):
			return nil, sentence(ErrBadRequest, "there is no parameter %.80q: want %s alone", name, strings.Join(names, ", "))
		case len(values) > 1:
			return nil, sentence(ErrBadRequest, "%s stands twice: keep one", name)
		case values[0] == "":
			return nil, sentence(ErrBadRequest, "%s is empty: give it, or leave it out", name)
		}
	}
	return query, nil
}
