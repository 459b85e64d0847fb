package api

import (
	_ "embed"
	"net/http"
)

//go:generate go test . -run ^TestDocument$ -update

// document describes the interface (OpenAPI 3.1). openapi.json is made from the
// table of routes and the types of this package by TestDocument, and is
// committed, so that the program neither makes it nor carries what makes it.
//
//go:embed openapi.json.gz
var document []byte

func (s *server) describe(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	s.document.serve(w, r)
}
