package auction

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/sluicehq/sluice/inference/feature"
)

// Call is what auctions ask of the fleet, and in whose numbers.
type Call string

// The calls that a task answers.
const (
	Decide Call = "decide" // about all partners of an auction
	Filter Call = "filter" // the published filter, about one partner, in OpenRTB's numbers
	Kit    Call = "kit"    // the same, in the numbers of the published client
)

func (c Call) check() error {
	switch c {
	case Decide, Filter, Kit:
		return nil
	}
	return fmt.Errorf("--dialect is %q; it must be %s, %s or %s", string(c), Decide, Filter, Kit)
}

// method is the name of the call in the IDL.
func (c Call) method() string {
	if c == Decide {
		return "decide"
	}
	return "filter"
}

// about are the partners that auction n asks about: the first ones, or where a
// call asks about one, each in turn.
func (c Call) about(n uint64, partners []string, most int) []string {
	if c == Decide || len(partners) == 0 {
		return partners[:min(len(partners), most)]
	}
	i := n % uint64(len(partners))
	return partners[i : i+1]
}

// published is what a call of filter says.
type published struct {
	id                                string
	day, device                       number
	bidding, paying                   number
	hour, region, city, domain, agent string
	advertiser                        string
}

// number is one that may be absent.
type number struct {
	is    int64
	known bool
}

// rounded is the nearest whole number; absent where f is.
func rounded(f float32, of float64) number {
	if isAbsent(f) {
		return number{}
	}
	return number{int64(math.Round(float64(f) * of)), true}
}

// published is what a client says of an auction. To the kit, Sunday is 1, a
// price is in hundredths, and what is no phone, computer or connected device is
// other.
func (c Call) published(r *feature.Request, partner string) published {
	p := published{
		id: r.ID, day: rounded(r.DayOfWeek, 1), device: rounded(r.DeviceType, 1), bidding: rounded(r.ImpBidfloor, 1),
		region: r.GeoRegion, city: r.GeoCity, domain: r.SiteDomain, agent: r.DeviceUA, advertiser: partner,
	}
	if hour := r.Hour; hour >= 0 && hour < 24 {
		p.hour = strconv.Itoa(int(hour))
	}
	if c != Kit {
		return p
	}
	p.day.is++
	p.device.is = kitDevice(p.device.is)
	p.bidding = rounded(r.ImpBidfloor, 100)
	return p
}

// kitDevice is the kit's number for a device type of OpenRTB.
func kitDevice(kind int64) int64 {
	const smartphone, mobile, appliance, pc, other = 0, 1, 2, 3, 5
	switch kind {
	case 1:
		return mobile
	case 2:
		return pc
	case 4:
		return smartphone
	case 6:
		return appliance
	}
	return other
}

// readPublished reads a call out of a log, as a task would read it.
func readPublished(call []byte) published {
	var p published
	texts := map[string]*string{
		"bidId": &p.id, "hour": &p.hour, "regionId": &p.region, "cityId": &p.city, "domainId": &p.domain, "userAgent": &p.agent, "advertiserId": &p.advertiser,
	}
	for name, value := range feature.Members(call) {
		switch name {
		case "dayOfWeek":
			p.day = wholeNumber(value)
		case "deviceTypeId":
			p.device = wholeNumber(value)
		case "biddingPrice":
			p.bidding = wideNumber(value)
		case "payingPrice":
			p.paying = wideNumber(value)
		default:
			if to := texts[name]; to != nil {
				*to, _ = feature.Text(value)
			}
		}
	}
	return p
}

func wholeNumber(value []byte) number {
	n, ok := feature.Whole(value)
	return number{int64(n), ok}
}

func wideNumber(value []byte) number {
	n, ok := feature.Wide(value)
	return number{n, ok}
}

// appendPublished appends the arguments of filter as one struct.
func appendPublished(out []byte, d dialect, p published) []byte {
	e := encoder{out: out, dialect: d}
	e.beginning([]byte(p.id))
	e.published(&p)
	return e.out
}

// published writes the fields of a call behind its id, up to the end of the
// arguments. What is absent is left out.
func (e *encoder) published(p *published) {
	e.numberField(2, kindI32, p.day)
	e.textField(3, p.hour)
	e.textField(4, p.region)
	e.textField(5, p.city)
	e.textField(6, p.domain)
	e.textField(7, p.advertiser)
	e.numberField(8, kindI64, p.bidding)
	e.numberField(9, kindI64, p.paying)
	e.textField(10, p.agent)
	e.numberField(11, kindI32, p.device)
	e.end()
	e.end()
}

func (e *encoder) numberField(id int16, k kind, n number) {
	switch {
	case !n.known:
	case k == kindI64:
		e.field(id, k)
		e.i64(n.is)
	default:
		e.field(id, k)
		e.i32(int32(n.is))
	}
}

// encodeCall is encode for a call of filter, which is sent as it stands.
func (r *lineReader) encodeCall(l *feature.Line, t truth, number int64) (*line, error) {
	switch {
	case len(t.partners) == 0:
		return nil, errors.New("it names no advertiserId")
	case len(t.partners) > 1:
		return nil, fmt.Errorf("it asks %d partners, and a call of filter asks one: its advertiserId", len(t.partners))
	}
	p := readPublished(l.Filter)
	p.advertiser = t.partners[0]
	e := encoder{dialect: r.dialect}
	e.beginning(nil)
	start := len(e.out)
	e.published(&p)
	return &line{id: cmp.Or(p.id, strconv.FormatInt(number, 10)), rest: bytes.Clone(e.out[start:]), truth: t}, nil
}
