package auction

import (
	"math"
	"strconv"
	"time"

	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/feature"
)

// BidRequest is r as exchanges write it: OpenRTB 2.6, with what r does not know
// left out. tmax is how long bids may take. The hour and the day of the week
// have no place in OpenRTB: whoever reads the request knows when it came.
func BidRequest(r feature.Request, tmax time.Duration) *openrtb.BidRequest {
	ms := int32(tmax.Milliseconds())
	b := &openrtb.BidRequest{
		ID:     text(r.ID),
		Imp:    imps(r),
		Device: device(r),
		User:   user(r),
		At:     whole(r.At),
		Tmax:   &ms,
	}
	cat, owner := list(r.SiteCat), publisher(r)
	site := openrtb.Site{ID: text(r.SiteID), Domain: text(r.SiteDomain)}
	app := openrtb.App{ID: text(r.AppID), Bundle: text(r.AppBundle)}
	knowsSite, knowsApp := site.ID != nil || site.Domain != nil, app.ID != nil || app.Bundle != nil
	if knowsApp && !knowsSite {
		app.Cat, app.Publisher = cat, owner
	} else {
		site.Cat, site.Publisher = cat, owner
	}
	if knowsApp {
		b.App = &app
	}
	if knowsSite || site.Cat != nil || site.Publisher != nil {
		b.Site = &site
	}
	return b
}

// imps returns as many impressions as r counts. The first says what is known,
// the others only that they are there.
func imps(r feature.Request) []*openrtb.Imp {
	n := 1
	if !isAbsent(r.ImpCount) {
		n = int(min(max(r.ImpCount, 0), feature.MaxImps))
	}
	if n == 0 {
		return []*openrtb.Imp{}
	}
	all := make([]*openrtb.Imp, n)
	for i := range all {
		all[i] = &openrtb.Imp{ID: text(strconv.Itoa(i + 1))}
	}
	first := all[0]
	first.Tagid = text(r.ImpTagID)
	first.Instl = truth(r.ImpInstl)
	first.Secure = truth(r.ImpSecure)
	first.Rwdd = truth(r.ImpRwdd)
	first.Bidfloor = amount(r.ImpBidfloor)
	switch r.Format {
	case "banner":
		first.Banner = &openrtb.Banner{W: whole(r.Width), H: whole(r.Height), Pos: whole(r.Pos)}
	case "video":
		first.Video = &openrtb.Video{W: whole(r.Width), H: whole(r.Height), Pos: whole(r.Pos)}
	case "native":
		first.Native_ = &openrtb.Native{}
	case "audio":
		first.Audio = &openrtb.Audio{}
	}
	return all
}

func publisher(r feature.Request) *openrtb.Publisher {
	if r.PublisherID == "" {
		return nil
	}
	return &openrtb.Publisher{ID: text(r.PublisherID)}
}

func device(r feature.Request) *openrtb.Device {
	return &openrtb.Device{
		Ua:             text(r.DeviceUA),
		Devicetype:     whole(r.DeviceType),
		Make:           text(r.DeviceMake),
		Model:          text(r.DeviceModel),
		Os:             text(r.DeviceOS),
		Osv:            text(r.DeviceOSV),
		Language:       text(r.DeviceLanguage),
		Carrier:        text(r.DeviceCarrier),
		Connectiontype: whole(r.ConnectionType),
		Lmt:            truth(r.DeviceLmt),
		Geo: &openrtb.Geo{
			Country: text(r.GeoCountry),
			Region:  text(r.GeoRegion),
			City:    text(r.GeoCity),
		},
	}
}

func user(r feature.Request) *openrtb.User {
	return &openrtb.User{ID: text(r.UserID), Yob: whole(r.UserYob), Gender: text(r.UserGender)}
}

// isAbsent is true for infinities too: no attribute of OpenRTB can be one.
func isAbsent(f float32) bool { return math.IsNaN(float64(f)) || math.IsInf(float64(f), 0) }

func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

func list(s string) []string {
	if s == "" {
		return nil
	}
	return []string{s}
}

func whole(f float32) *int32 {
	if isAbsent(f) {
		return nil
	}
	n := int32(f)
	return &n
}

func amount(f float32) *float64 {
	if isAbsent(f) {
		return nil
	}
	d := float64(f)
	return &d
}

func truth(f float32) *bool {
	if isAbsent(f) {
		return nil
	}
	b := f != 0
	return &b
}
