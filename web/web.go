// Package web holds the dashboard's files, built into the binary. It serves
// nothing and knows no fleet: package api does, and the page asks there. The
// page is written in src and bundled into static/app.js, which is committed so
// that building the binary needs neither Node nor a network. src/schema.ts, and
// static/api.html for people, are made from the document of the API. What is in
// the binary is packed, which is a fifth of it.
package web

import (
	"embed"
	"io/fs"
)

//go:generate go test . -run ^TestMadeFromTheDocument$ -update
//go:generate go tool esbuild src/main.ts --bundle --format=esm --target=es2022 --charset=utf8 --legal-comments=inline --log-level=warning "--banner:js=// Made from web/src by go generate ./web. Do not edit." --outfile=static/app.js

//go:generate go test . -run ^TestPacked$ -update

//go:embed packed
var packed embed.FS

// Files returns the dashboard, with index.html.gz at the top: each file of
// static packed by gzip, with .gz after its name.
func Files() fs.FS {
	files, err := fs.Sub(packed, "packed")
	if err != nil {
		panic(err) // the folder is named in the embed line above
	}
	return files
}
