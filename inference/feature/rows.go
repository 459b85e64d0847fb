package feature

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"time"
)

// MaxPartners bounds the partners of all auctions of a log together.
const MaxPartners = 1 << 16

// SetTime sets the hour, its minute and the day of the week, which OpenRTB leaves to
// whoever received the request.
func (r *Request) SetTime(at time.Time) {
	if r.Filter.Asked {
		return // which says it itself
	}
	at = at.UTC()
	r.Hour, r.Minute, r.DayOfWeek = float32(at.Hour()), float32(at.Minute()), float32(at.Weekday())
}

// Parse returns the auction's request with its time set.
func (l *Line) Parse(e *Extractor) (Request, error) {
	if l.Filter != nil {
		return parseFilter(l.Filter), nil
	}
	r, err := e.parseRequest(l.Request, served)
	if err != nil {
		return r, err
	}
	if l.TS != 0 {
		r.SetTime(time.UnixMilli(l.TS))
	}
	return r, nil
}

// Asked returns the partners of which there are to be rows.
func (l *Line) Asked() ([]string, error) {
	if len(l.Partners) == 0 {
		return nil, errors.New("it names no partners; log every partner that was asked, or name some with --partner-names")
	}
	for _, b := range l.Bidders {
		if !slices.Contains(l.Partners, b) {
			return nil, fmt.Errorf("bidder %.60q is not among its partners; log every partner that was asked", b)
		}
	}
	return l.Partners, nil
}

// Reading says how a log is read.
type Reading struct {
	PartnerNames []string // ask these in every auction, whatever the log says
	Strict       bool     // end at the first line that cannot be taken
}

// Read is what became of a log.
type Read struct {
	Seen
	Rows     int64 `json:"rows"`
	Timeless int64 `json:"timeless"` // lines without ts: the features that read the clock are missing
	Strays   int64 `json:"strays"`   // calls of filter that hold numbers out of their range, which are missing
}

// Rows reads a log of auctions, one Line each, and writes one row per auction
// and partner asked. A line that cannot be taken costs nobody else anything.
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
// auction counts the lines from 0, those that were not taken too; partner is a
// position in the last line's partners, label is 1 for a bid, 0 for none, NaN
// for unknown. A missing feature is NaN. A file cut short has no last line and
// cannot be mistaken for a whole one.
func Rows(dst io.Writer, src io.Reader, c Contract, o Reading) (Read, error) {
	e, err := c.Compile()
	if err != nil {
		return Read{}, err
	}
	if n := len(o.PartnerNames); n > MaxAuctionPartners {
		return Read{}, fmt.Errorf("--partner-names holds %d names, at most %d are asked in an auction; write rows in several runs", n, MaxAuctionPartners)
	}
	out := rowWriter{to: bufio.NewWriterSize(dst, 1<<16), extractor: e, ids: map[string]uint32{}, ask: Distinct(o.PartnerNames)}
	out.header(c)
	read := Read{Seen: Seen{Named: []BadLine{}}}
	lines, err := OpenLog(src)
	if err != nil {
		return read, fmt.Errorf("read the log: %w", err)
	}
	for {
		doc, number, bad, err := lines.Next()
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return read, fmt.Errorf("read the log, %w", err)
		}
		if bad == nil {
			bad = out.line(doc, number-1, &read)
		}
		if bad != nil && (o.Strict || errors.Is(bad, errTooManyPartners)) {
			return read, fmt.Errorf("read line %d of the log: %w", number, bad)
		}
		read.Count(number, bad)
	}
	if err := read.None(); err != nil {
		return read, fmt.Errorf("read the log: %w", err)
	}
	return read, out.close()
}

// errTooManyPartners ends a log: its rows would be those of some partners only.
var errTooManyPartners = errors.New("is one more than")

// rowWriter writes the rows of one log. Its writer keeps the first error until
// close.
type rowWriter struct {
	to        *bufio.Writer
	written   uint64
	extractor *Extractor
	ask       []string // these partners, whatever the log says; nil: those of the log
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

// line writes the rows of a line, or none of them.
func (w *rowWriter) line(doc []byte, number int64, read *Read) error {
	l, err := ParseLine(doc)
	if err != nil {
		return err
	}
	partners := w.ask
	if partners == nil {
		if partners, err = l.Asked(); err != nil {
			return err
		}
	}
	r, err := l.Parse(w.extractor)
	if err != nil {
		return err
	}
	if l.TS == 0 && l.Filter == nil {
		read.Timeless++
	}
	if w.extractor.Strays(&r) != 0 {
		read.Strays++
	}
	n := w.extractor.Len()
	w.features = slices.Grow(w.features[:0], n*len(partners))[:n*len(partners)]
	w.extractor.ExtractPartners(w.features, &r, partners...)
	for i, partner := range partners {
		id, err := w.id(partner)
		if err != nil {
			return err
		}
		w.write(number, id, label(&l, partner), w.features[i*n:(i+1)*n])
	}
	read.Rows = w.rows
	return nil
}

func label(l *Line, partner string) float32 {
	switch {
	case l.Bidders == nil:
		return nan()
	case slices.Contains(l.Bidders, partner):
		return 1
	}
	return 0
}

func (w *rowWriter) id(partner string) (uint32, error) {
	if id, ok := w.ids[partner]; ok {
		return id, nil
	}
	if len(w.names) == MaxPartners {
		return 0, fmt.Errorf("partner %.40q %w %d; train on fewer partners", partner, errTooManyPartners, MaxPartners)
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
