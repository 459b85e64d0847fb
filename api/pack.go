package api

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"strings"
)

// takesZip reports whether a caller takes gzip: it says so, and not with q=0.
func takesZip(r *http.Request) bool {
	for one := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Encoding"), ","), ",") {
		coding, weight, _ := strings.Cut(one, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			weight = strings.ReplaceAll(weight, " ", "")
			return strings.Trim(weight, "q=0.") != "" || weight == ""
		}
	}
	return false
}

// pack returns a body packed by gzip.
func pack(body []byte, level int) ([]byte, error) {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, level)
	if err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if _, err := z.Write(body); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("pack: %w", err)
	}
	return b.Bytes(), nil
}
