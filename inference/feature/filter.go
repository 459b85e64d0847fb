package feature

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
)

// The published contract of older clients, whose one call is filter. What its
// numbers mean is a matter of the client: a contract of version 2 names the
// dialect, and its sources say in OpenRTB's terms what was asked. docs/auction.md
// has the table.

// FilterCall is what a call of filter said: what it left out is 0 there.
type FilterCall struct {
	Asked                    bool // by such a call at all
	Day, Hour, Device, Price bool // were said
}

// Stray is a set of the numbers of a call that are out of their range, and so
// missing.
type Stray uint8

// The numbers that may be out of range.
const (
	StrayDay Stray = 1 << iota
	StrayHour
	StrayDevice
	StrayPrice
)

// Strays are all of them, with their names in the IDL.
func Strays() map[Stray]string {
	return map[Stray]string{StrayDay: "dayOfWeek", StrayHour: "hour", StrayDevice: "deviceTypeId", StrayPrice: "biddingPrice"}
}

// HourOf reads the hour of a call, a text; NaN where it is none.
func HourOf(text string) float32 {
	switch { // most are one or two digits, and what is none would cost an error
	case len(text) == 1 && digit(text[0]):
		return float32(text[0] - '0')
	case len(text) == 2 && digit(text[0]) && digit(text[1]):
		if hour := 10*(text[0]-'0') + text[1] - '0'; hour < 24 {
			return float32(hour)
		}
	case text != "":
		if hour, err := strconv.ParseFloat(text, 32); err == nil && hour >= 0 && hour < 24 {
			return float32(hour)
		}
	}
	return nan()
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// callOf returns the call of a document {"filter": {…}}; nil where it is none,
// as a BidRequest that has such an attribute.
func callOf(doc []byte) []byte {
	if doc = trimmed(doc); !bytes.Contains(doc, []byte(`"filter"`)) {
		return nil
	}
	if len(doc) == 0 || doc[0] != '{' || !json.Valid(doc) {
		return nil
	}
	if call := memberExactly(doc, "filter"); len(call) > 0 && call[0] == '{' && member(doc, "imp") == nil {
		return call
	}
	return nil
}

// parseFilter reads a call as a task reads it, by the names of the IDL.
func parseFilter(call []byte) Request {
	r := Absent()
	r.Filter.Asked = true
	r.DayOfWeek, r.DeviceType, r.ImpBidfloor = 0, 0, 0
	text := func(name string) string {
		if value := member(call, name); value != nil {
			t, _ := Text(value)
			return t
		}
		return ""
	}
	whole := func(name string, to *float32) bool {
		value := member(call, name)
		if value == nil {
			return false
		}
		n, ok := Whole(value)
		*to = float32(n)
		return ok
	}
	r.ID, r.GeoRegion, r.GeoCity, r.SiteDomain, r.DeviceUA = text("bidId"), text("regionId"), text("cityId"), text("domainId"), text("userAgent")
	hour := text("hour")
	r.Hour, r.Filter.Hour = HourOf(hour), hour != ""
	r.Filter.Day, r.Filter.Device = whole("dayOfWeek", &r.DayOfWeek), whole("deviceTypeId", &r.DeviceType)
	if value := member(call, "biddingPrice"); value != nil {
		price, ok := Wide(value)
		r.ImpBidfloor, r.Filter.Price = float32(price), ok
	}
	return r
}

// converts reports whether the request is a call whose numbers the contract
// converts.
func (c *Contract) converts(r *Request) bool { return c.Version >= 2 && r.Filter.Asked }

func (c *Contract) hour(r *Request) float32 {
	if c.converts(r) && r.Hour != float32(math.Trunc(float64(r.Hour))) {
		return nan()
	}
	return r.Hour
}

// day counts from Sunday, 0. Spark, of which the kit has it, counts from 1.
func (c *Contract) day(r *Request) float32 {
	if !c.converts(r) {
		return r.DayOfWeek
	}
	day := r.DayOfWeek
	if c.Filter == Kit {
		day--
	}
	if !r.Filter.Day || day < 0 || day > 6 {
		return nan()
	}
	return day
}

// OpenRTB's device types that the kit's have a counterpart in, and how many
// there are.
const (
	mobile      = 1
	computer    = 2
	phone       = 4
	connected   = 6
	deviceTypes = 8
)

// device is OpenRTB's type. To the kit it is one of smartphone, mobile phone,
// appliance, PC, crawler and other, of which OpenRTB does not know the last two.
func (c *Contract) device(r *Request) float32 {
	if !c.converts(r) {
		return r.DeviceType
	}
	kind, kit := r.DeviceType, [...]float32{phone, mobile, connected, computer, nan(), nan()}
	switch {
	case !r.Filter.Device:
		return nan()
	case c.Filter == Kit && kind >= 0 && int(kind) < len(kit):
		return kit[int(kind)]
	case c.Filter != Kit && kind >= 1 && kind <= deviceTypes:
		return kind
	}
	return nan()
}

// floor is the first impression's, or the price of a call: a CPM, which the kit
// sends in hundredths.
func (c *Contract) floor(r *Request) float32 {
	floor := r.ImpBidfloor
	switch {
	case c.converts(r) && (!r.Filter.Price || floor < 0), c.Version >= 2 && !finite(floor):
		return nan()
	case c.converts(r) && c.Filter == Kit:
		return floor / 100
	}
	return floor
}

// Strays returns what a call of filter said that is out of its range.
func (e *Extractor) Strays(r *Request) (all Stray) {
	c := e.rules
	if !c.converts(r) {
		return 0
	}
	note := func(s Stray, said bool, is float32) {
		if said && absent(is) {
			all |= s
		}
	}
	const crawler, other = 4, 5
	known := c.Filter == Kit && (r.DeviceType == crawler || r.DeviceType == other) // and OpenRTB has no word for it
	note(StrayDay, r.Filter.Day, c.day(r))
	note(StrayHour, r.Filter.Hour, c.hour(r))
	note(StrayDevice, r.Filter.Device && !known, c.device(r))
	note(StrayPrice, r.Filter.Price, c.floor(r))
	return all
}
