package auction

import (
	"strconv"

	"github.com/sluicehq/sluice/inference/feature"
)

// bidRequest writes r as exchanges write it: OpenRTB 2.6, with what r does not
// know left out, up to the struct's end. The numbers are those of
// openrtb.thrift. The hour and the day of the week have no place in OpenRTB:
// whoever reads the request knows when it came.
//
// This is by hand because the load shares the machine with what it measures:
// it costs a tenth of what generated code does, and a test holds it to that
// code's bytes.
func (e *encoder) bidRequest(r *feature.Request, tmaxMS int32) {
	e.textField(1, r.ID)
	e.imps(r)
	e.place(r)
	e.device(r)
	e.user(r)
	e.wholeField(8, r.At)
	e.field(9, kindI32)
	e.i32(tmaxMS)
	e.end()
}

// imps writes as many impressions as r counts. The first says what is known,
// the others only that they are there.
func (e *encoder) imps(r *feature.Request) {
	n := 1
	if !isAbsent(r.ImpCount) {
		n = int(min(max(r.ImpCount, 0), feature.MaxImps))
	}
	e.list(2, kindStruct, n)
	for i := range n {
		e.enter()
		e.field(1, kindString)
		e.text(impID(i))
		if i == 0 {
			e.impression(r)
		}
		e.end()
	}
}

// impID counts from 1, and allocates nothing for the usual few.
func impID(i int) string {
	const digits = "123456789"
	if i < len(digits) {
		return digits[i : i+1]
	}
	return strconv.Itoa(i + 1)
}

func (e *encoder) impression(r *feature.Request) {
	switch r.Format {
	case "banner":
		e.begin(2)
		e.wholeField(2, r.Width)
		e.wholeField(3, r.Height)
		e.wholeField(6, r.Pos)
		e.end()
	case "video":
		e.begin(3)
		e.wholeField(6, r.Width)
		e.wholeField(7, r.Height)
		e.wholeField(13, r.Pos)
		e.end()
	case "audio":
		e.begin(4)
		e.end()
	case "native":
		e.begin(5)
		e.end()
	}
	e.truthField(8, r.ImpInstl)
	e.textField(9, r.ImpTagID)
	e.amountField(10, r.ImpBidfloor)
	e.truthField(12, r.ImpSecure)
	e.truthField(13, r.ImpRwdd)
}

// place writes site and app. Category and publisher go to the app where r
// knows an app and no site.
func (e *encoder) place(r *feature.Request) {
	knowsSite, knowsApp := r.SiteID != "" || r.SiteDomain != "", r.AppID != "" || r.AppBundle != ""
	inApp := knowsApp && !knowsSite
	if knowsSite || !inApp && (r.SiteCat != "" || r.PublisherID != "") {
		e.begin(3)
		e.textField(1, r.SiteID)
		e.textField(3, r.SiteDomain)
		if !inApp {
			e.category(4, r)
			e.publisher(11, r)
		}
		e.end()
	}
	if knowsApp {
		e.begin(4)
		e.textField(1, r.AppID)
		e.textField(3, r.AppBundle)
		if inApp {
			e.category(6, r)
			e.publisher(12, r)
		}
		e.end()
	}
}

func (e *encoder) category(id int16, r *feature.Request) {
	if r.SiteCat == "" {
		return
	}
	e.list(id, kindString, 1)
	e.text(r.SiteCat)
}

func (e *encoder) publisher(id int16, r *feature.Request) {
	if r.PublisherID == "" {
		return
	}
	e.begin(id)
	e.textField(1, r.PublisherID)
	e.end()
}

func (e *encoder) device(r *feature.Request) {
	e.begin(5)
	e.textField(1, r.DeviceUA)
	e.begin(2)
	e.textField(4, r.GeoCountry)
	e.textField(5, r.GeoRegion)
	e.textField(7, r.GeoCity)
	e.end()
	e.truthField(4, r.DeviceLmt)
	e.wholeField(7, r.DeviceType)
	e.textField(8, r.DeviceMake)
	e.textField(9, r.DeviceModel)
	e.textField(10, r.DeviceOS)
	e.textField(11, r.DeviceOSV)
	e.textField(18, r.DeviceLanguage)
	e.textField(19, r.DeviceCarrier)
	e.wholeField(21, r.ConnectionType)
	e.end()
}

func (e *encoder) user(r *feature.Request) {
	e.begin(6)
	e.textField(1, r.UserID)
	e.wholeField(3, r.UserYob)
	e.textField(4, r.UserGender)
	e.end()
}
