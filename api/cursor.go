package api

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
)

const mostCursor = 8 << 10 // bytes

// cursor is where a list goes on. It holds what was not over when the walk
// began and is not shown yet, and its place among what was: whatever comes in
// the meantime moves neither, so that each is shown once.
type cursor struct {
	Left []string `json:"left,omitempty"`
	From string   `json:"from,omitempty"` // the first of what was over; empty: nothing was
}

func (c cursor) String() string {
	text, _ := json.Marshal(c) // it holds nothing but texts
	return base64.RawURLEncoding.EncodeToString(text)
}

func parseCursor(text string, isID func(string) bool) (c cursor, err error) {
	body, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = decodeStrictly(body, &c)
	}
	valid := isID(c.From) || c.From == "" && len(c.Left) > 0
	if err != nil || len(text) > mostCursor || !valid || !all(c.Left, isID) {
		return c, sentence(ErrBadRequest, "cursor is %.40q: want one that the list before told (Link), or leave it out to begin anew", text)
	}
	return c, nil
}

func all(list []string, is func(string) bool) bool {
	return !slices.ContainsFunc(list, func(one string) bool { return !is(one) })
}

// listed is an answer that goes on elsewhere.
type listed struct {
	body any
	next string // target of the next page, relative to this one; empty: there is none
}

// pageAfter is what comes of a list, and where it goes on.
func pageAfter(r *http.Request, body any, next *cursor) listed {
	if next == nil {
		return listed{body: body}
	}
	query := r.URL.Query()
	query.Set("cursor", next.String())
	return listed{body, "?" + query.Encode()}
}
