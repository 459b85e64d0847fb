package feature

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// The bounds of a log of auctions.
const (
	MaxLineBytes       = 2 << 20
	MaxAuctionPartners = 1024    // of one auction
	MaxPartners        = 1 << 16 // of all auctions together
)

// SetTime sets the hour and the day of the week, which OpenRTB leaves to
// whoever received the request.
func (r *Request) SetTime(at time.Time) {
	at = at.UTC()
	r.Hour, r.DayOfWeek = float32(at.Hour()), float32(at.Weekday())
}

// Line is one auction of a log, as one line of JSON.
type Line struct {
	TS       int64           `json:"ts"`      // milliseconds since 1970, UTC
	Request  json.RawMessage `json:"request"` // an OpenRTB 2.6 BidRequest
	Partners []string        `json:"partners"`
	Bidders  []string        `json:"bidders"`          // those of Partners who bid; null where nobody knows
	Prices   []float64       `json:"prices,omitempty"` // of the bids of Bidders, per mille; no feature is made of them
}

// parse returns the auction's request with its time set.
func (l *Line) parse() (Request, error) {
	r, err := ParseJSON(l.Request)
	if err != nil {
		return r, err
	}
	if len(l.Partners) > MaxAuctionPartners {
		return r, fmt.Errorf("it asks %d partners, at most %d are read; split the auction", len(l.Partners), MaxAuctionPartners)
	}
	for _, b := range l.Bidders {
		if !slices.Contains(l.Partners, b) {
			return r, fmt.Errorf("bidder %q is not among its partners; log every partner that was asked", b)
		}
	}
	r.SetTime(time.UnixMilli(l.TS))
	return r, nil
}

// Rows reads a log of auctions, one Line each, and writes one row per auction
// and partner asked. It returns the number of rows.
//
// The output is a file that numpy maps into memory without parsing and without
// losing a bit, which neither CSV does (ten times the time and size) nor .npy
// (whose header holds the number of rows, unknown while they stream):
//
//	a line of JSON, padded with spaces to a multiple of 64 bytes: {"rows": 1, "dtype": …, "features": […]}
//	the rows, each of them little-endian without gaps: auction int64, partner int32, label float32, features float32 each
//	a line of JSON: {"rows": how many, "partners": […]}
//	the offset of that last line, uint64
//
// auction counts the lines from 0, partner is a position in the last line's
// partners, label is 1 for a bid, 0 for none, NaN for unknown. A missing
// feature is NaN. A file cut short has no last line and cannot be mistaken for
// a whole one.
func Rows(dst io.Writer, src io.Reader, c Contract) (int64, error) {
	e, err := c.Compile()
	if err != nil {
		return 0, err
	}
	out := rowWriter{to: bufio.NewWriterSize(dst, 1<<16), extractor: e, ids: map[string]uint32{}}
	out.header(c)
	lines := bufio.NewScanner(src)
	lines.Buffer(make([]byte, 1<<16), MaxLineBytes)
	at := 1
	for ; lines.Scan(); at++ {
		if len(bytes.TrimSpace(lines.Bytes())) == 0 {
			return out.rows, fmt.Errorf("read line %d of the log: it is empty; remove it", at)
		}
		if err := out.auction(lines.Bytes(), int64(at-1)); err != nil {
			return out.rows, fmt.Errorf("read line %d of the log: %w", at, err)
		}
	}
	if err := lines.Err(); errors.Is(err, bufio.ErrTooLong) {
		return out.rows, fmt.Errorf("read line %d of the log: it has more than %d bytes; log one auction per line", at, MaxLineBytes)
	} else if err != nil {
		return out.rows, fmt.Errorf("read the log: %w", err)
	}
	return out.rows, out.close()
}

// rowWriter writes the rows of one log. Its writer keeps the first error until
// close.
type rowWriter struct {
	to        *bufio.Writer
	written   uint64
	extractor *Extractor
	ids       map[string]uint32
	names     []string
	rows      int64

	features []float32
	row      []byte
}

func (w *rowWriter) header(c Contract) {
	names := make([]string, len(c.Features))
	for i, f := range c.Features {
		names[i] = f.Name
	}
	w.json(map[string]any{
		"rows":     1,
		"features": names,
		"dtype":    []any{[]any{"auction", "<i8"}, []any{"partner", "<i4"}, []any{"label", "<f4"}, []any{"features", "<f4", []int{len(names)}}},
	}, 64)
}

func (w *rowWriter) auction(line []byte, number int64) error {
	var l Line
	if err := json.Unmarshal(line, &l); err != nil {
		return err
	}
	r, err := l.parse()
	if err != nil {
		return err
	}
	n := w.extractor.Len()
	w.features = slices.Grow(w.features[:0], n*len(l.Partners))[:n*len(l.Partners)]
	w.extractor.ExtractPartners(w.features, &r, l.Partners...)
	for i, partner := range l.Partners {
		id, err := w.id(partner)
		if err != nil {
			return err
		}
		label := nan()
		if l.Bidders != nil {
			label = 0
			if slices.Contains(l.Bidders, partner) {
				label = 1
			}
		}
		w.write(number, id, label, w.features[i*n:(i+1)*n])
	}
	return nil
}

func (w *rowWriter) id(partner string) (uint32, error) {
	if id, ok := w.ids[partner]; ok {
		return id, nil
	}
	if len(w.names) == MaxPartners {
		return 0, fmt.Errorf("partner %.40q is one more than %d; train on fewer partners", partner, MaxPartners)
	}
	id := uint32(len(w.names))
	w.ids[partner] = id
	w.names = append(w.names, partner)
	return id, nil
}

func (w *rowWriter) write(auction int64, partner uint32, label float32, features []float32) {
	w.row = binary.LittleEndian.AppendUint64(w.row[:0], uint64(auction))
	w.row = binary.LittleEndian.AppendUint32(w.row, partner)
	w.row = binary.LittleEndian.AppendUint32(w.row, math.Float32bits(label))
	for _, v := range features {
		w.row = binary.LittleEndian.AppendUint32(w.row, math.Float32bits(v))
	}
	w.bytes(w.row)
	w.rows++
}

func (w *rowWriter) close() error {
	end := w.written
	w.json(map[string]any{"rows": w.rows, "partners": append([]string{}, w.names...)}, 1)
	w.bytes(binary.LittleEndian.AppendUint64(nil, end))
	if err := w.to.Flush(); err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// json writes v as one line whose length is a multiple of align.
func (w *rowWriter) json(v any, align int) {
	line, err := json.Marshal(v)
	if err != nil {
		panic("feature: texts and numbers did not marshal: " + err.Error())
	}
	for (len(line)+1)%align != 0 {
		line = append(line, ' ')
	}
	w.bytes(append(line, '\n'))
}

func (w *rowWriter) bytes(b []byte) {
	n, _ := w.to.Write(b) // the error stays and is returned by Flush
	w.written += uint64(n)
}
