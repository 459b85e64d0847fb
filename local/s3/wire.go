package s3

import (
	"bytes"
	"encoding/xml"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	xmlHead   = `<?xml version="1.0" encoding="UTF-8"?>` + "\n"
	namespace = "http://s3.amazonaws.com/doc/2006-03-01/"
)

// document is an answer in XML, written by hand: a page of a listing has a
// thousand entries, and reflection would be most of its cost.
type document struct {
	bytes.Buffer
	root string
}

func newDocument(root string) *document {
	d := &document{root: root}
	d.WriteString(xmlHead + "<" + root + ` xmlns="` + namespace + `">`)
	return d
}

func (d *document) open(name string)  { d.WriteString("<" + name + ">") }
func (d *document) close(name string) { d.WriteString("</" + name + ">") }

func (d *document) text(name, value string) {
	d.WriteByte('<')
	d.WriteString(name)
	d.WriteByte('>')
	d.escape(value)
	d.WriteString("</")
	d.WriteString(name)
	d.WriteByte('>')
}

// optional leaves out what is empty.
func (d *document) optional(name, value string) {
	if value != "" {
		d.text(name, value)
	}
}

func (d *document) number(name string, n int64) {
	d.open(name)
	d.Write(strconv.AppendInt(d.AvailableBuffer(), n, 10))
	d.close(name)
}

func (d *document) truth(name string, is bool) { d.text(name, strconv.FormatBool(is)) }

func (d *document) time(name string, t time.Time) {
	d.open(name)
	d.Write(t.UTC().AppendFormat(d.AvailableBuffer(), "2006-01-02T15:04:05.000Z"))
	d.close(name)
}

func (d *document) checksum(c checksum) {
	if c.Algorithm != "" {
		d.text(c.element(), c.Value)
	}
}

func (d *document) owner(element, account string) {
	d.open(element)
	d.text("ID", ownerID(account))
	d.close(element)
}

// ownerID stands for an account as the canonical id of a user does.
func ownerID(account string) string { return strings.Repeat("0", 64-len(account)) + account }

// escape writes control characters as S3 does, which XML 1.0 does not allow,
// but which keys may have.
func (d *document) escape(s string) {
	last := 0
	for i := range len(s) {
		var as string
		switch c := s[i]; {
		case c == '&':
			as = "&amp;"
		case c == '<':
			as = "&lt;"
		case c == '>':
			as = "&gt;"
		case c < 0x20:
			as = "&#x" + strconv.FormatInt(int64(c), 16) + ";"
		default:
			continue
		}
		d.WriteString(s[last:i])
		d.WriteString(as)
		last = i + 1
	}
	d.WriteString(s[last:])
}

// send ends the document and answers with it.
func (d *document) send(q *request) error {
	d.close(d.root)
	q.w.Header().Set("Content-Type", "application/xml")
	q.w.Header().Set("Content-Length", strconv.Itoa(d.Len()))
	// The caller has gone if this fails.
	_, _ = q.w.Write(d.Bytes())
	return nil
}

// empty answers with headers alone.
func (q *request) empty(status int) error {
	q.w.WriteHeader(status)
	return nil
}

// read decodes an XML body, whose root's name into tells.
func (q *request) read(into any, needed bool) error {
	raw, err := q.document(needed)
	if err != nil {
		return err
	}
	return decodeXML(raw, into)
}

func (q *request) document(needed bool) ([]byte, error) {
	b, err := bodyOf(q.r)
	if err != nil {
		return nil, err
	}
	return b.document(needed)
}

func decodeXML(raw []byte, into any) error {
	if xml.Unmarshal(raw, into) != nil {
		return errMalformedXML
	}
	return nil
}

// WriteError answers with a refusal.
func WriteError(w http.ResponseWriter, r *http.Request, e *Error) {
	h := w.Header()
	for name, values := range e.header {
		h[name] = values
	}
	if r.Method == http.MethodHead || e.Status == http.StatusNotModified {
		w.WriteHeader(e.Status)
		return
	}
	var d document
	d.WriteString(xmlHead)
	d.open("Error")
	d.text("Code", e.Code)
	d.text("Message", e.Message)
	for i := 0; i+1 < len(e.Details); i += 2 {
		d.text(e.Details[i], e.Details[i+1])
	}
	d.text("Resource", strings.ToValidUTF8(r.URL.Path, string(utf8.RuneError)))
	d.text("RequestId", h.Get("X-Amz-Request-Id"))
	d.close("Error")
	h.Set("Content-Type", "application/xml")
	h.Set("Content-Length", strconv.Itoa(d.Len()))
	w.WriteHeader(e.Status)
	// The caller has gone if this fails.
	_, _ = w.Write(d.Bytes())
}
