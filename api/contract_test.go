package api

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Contract holds answers against the document. Fields that it does not know
// are refused here, though a client has to pass over them.
type Contract struct{ doc *huma.OpenAPI }

// NewContract reads the document off the code.
func NewContract() (Contract, error) {
	doc, err := describeAll()
	if err != nil {
		return Contract{}, err
	}
	for _, s := range doc.Components.Schemas.Map() {
		delete(s.Extensions, "x-strict")
		s.PrecomputeMessages()
	}
	return Contract{doc}, nil
}

// Answer says what is not in the document of an answer to that request. What is
// no route is not in it either.
func (c Contract) Answer(method, target string, code int, header http.Header, body []byte) error {
	op := c.operation(method, target)
	if op == nil {
		return nil
	}
	r := op.Responses[strconv.Itoa(code)]
	if r == nil {
		return fmt.Errorf("%s has no answer %d", op.OperationID, code)
	}
	for name := range r.Headers {
		if strings.EqualFold(name, "Retry-After") && header.Get(name) == "" && code == http.StatusTooManyRequests {
			return fmt.Errorf("%s %d comes without %s", op.OperationID, code, name)
		}
	}
	kind, _, err := mime.ParseMediaType(header.Get("Content-Type"))
	if err != nil {
		return err
	}
	media := r.Content[kind]
	if media == nil {
		return fmt.Errorf("%s %d is no %s", op.OperationID, code, kind)
	}
	if method == http.MethodHead || kind == "text/event-stream" || kind == "application/jsonl" {
		return nil
	}
	if header.Get("Content-Encoding") == "gzip" {
		in, err := gzip.NewReader(bytes.NewReader(body))
		if err != nil {
			return err
		}
		if body, err = io.ReadAll(in); err != nil {
			return err
		}
	}
	return c.holds(media.Schema, body)
}

// Request says what is not in the document of a request, and names the
// operation that it asks for.
func (c Contract) Request(method, target string, body []byte) (id string, err error) {
	op := c.operation(method, target)
	if op == nil {
		return "", fmt.Errorf("the document has no %s %s", method, target)
	}
	u, err := url.Parse(target)
	if err != nil {
		return op.OperationID, err
	}
	for name := range u.Query() {
		if !slices.ContainsFunc(op.Parameters, func(p *huma.Param) bool { return p.In == "query" && p.Name == name }) {
			return op.OperationID, fmt.Errorf("%s has no parameter %s", op.OperationID, name)
		}
	}
	if op.RequestBody == nil {
		return op.OperationID, nil
	}
	return op.OperationID, c.holds(op.RequestBody.Content["application/json"].Schema, body)
}

// Operations are the ids of all that there is.
func (c Contract) Operations() (ids []string) {
	for _, item := range c.doc.Paths {
		for _, op := range []*huma.Operation{item.Get, item.Post} {
			if op != nil {
				ids = append(ids, op.OperationID)
			}
		}
	}
	return ids
}

// Paths are the methods of each.
func (c Contract) Paths() map[string][]string {
	of := map[string][]string{}
	for path, item := range c.doc.Paths {
		for method, op := range map[string]*huma.Operation{http.MethodGet: item.Get, http.MethodPost: item.Post} {
			if op != nil {
				of[path] = append(of[path], method)
			}
		}
	}
	return of
}

// News says what is not in the document of one message of a stream.
func (c Contract) News(target, kind string, data []byte) error {
	op := c.operation(http.MethodGet, target)
	bodies, _ := op.Responses["200"].Content["text/event-stream"].Schema.Extensions["x-events"].(map[string]any)
	s, known := bodies[kind].(*huma.Schema)
	if !known {
		return fmt.Errorf("the document knows no event of type %q", kind)
	}
	return c.holds(s, data)
}

func (c Contract) holds(s *huma.Schema, body []byte) error {
	var v any
	if err := json.NewDecoder(bytes.NewReader(body)).Decode(&v); err != nil {
		return err
	}
	found := huma.ValidateResult{}
	huma.Validate(c.doc.Components.Schemas, s, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, v, &found)
	if len(found.Errors) > 0 {
		return fmt.Errorf("%w (%d in all)", found.Errors[0], len(found.Errors))
	}
	return nil
}

// operation finds what serves a target; nil where nothing does.
func (c Contract) operation(method, target string) *huma.Operation {
	u, err := url.Parse(target)
	if err != nil {
		return nil
	}
	asked := strings.Split(u.EscapedPath(), "/")
	for path, item := range c.doc.Paths {
		parts, same := strings.Split(path, "/"), true
		for i := range parts {
			same = same && len(parts) == len(asked) && (parts[i] == asked[i] || strings.HasPrefix(parts[i], "{") && asked[i] != "")
		}
		switch {
		case same && method == http.MethodPost:
			return item.Post
		case same && (method == http.MethodGet || method == http.MethodHead):
			return item.Get
		}
	}
	return nil
}

// ReadStream is readStream for the tests from outside.
func ReadStream(in io.Reader, each func(kind string, data []byte) error) error {
	return readStream(in, each)
}
