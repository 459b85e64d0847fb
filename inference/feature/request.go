// Package feature turns an auction and a demand partner into the numbers that
// a model was trained on. Training and serving both run this code, so that
// they cannot differ. It knows no Thrift, no clock and no model.
package feature

import "math"

// Request is what one auction says about itself, under the names of OpenRTB
// 2.6 with the path in front. An absent string is "", an absent number is NaN,
// so the zero value of Request is not "all absent": start from Absent.
//
// The strings may alias a network buffer: nothing here keeps them.
type Request struct {
	ID string // bidrequest.id

	Hour      float32 // hour of day in UTC, 0 to 23
	Minute    float32 // of the hour
	DayOfWeek float32 // 0 is Sunday, 6 is Saturday

	Format      string  // of imp[0]: the first of banner, video, native, audio that it has
	ImpTagID    string  // imp[0].tagid
	ImpInstl    float32 // imp[0].instl, 0 or 1
	ImpSecure   float32 // imp[0].secure, 0 or 1
	ImpRwdd     float32 // imp[0].rwdd, 0 or 1
	ImpBidfloor float32 // imp[0].bidfloor, CPM
	ImpCount    float32 // len(imp)
	Width       float32 // pixels of imp[0]'s banner (else of the banner's first format) or video, whichever Format says
	Height      float32
	Pos         float32 // imp[0].banner.pos or video.pos, whichever Format says

	SiteID      string
	SiteDomain  string
	SiteCat     string // site.cat[0], or app.cat[0]
	AppID       string
	AppBundle   string
	PublisherID string // site.publisher.id, or app.publisher.id

	DeviceUA       string
	DeviceType     float32 // device.devicetype
	DeviceMake     string
	DeviceModel    string
	DeviceOS       string
	DeviceOSV      string
	DeviceLanguage string
	DeviceCarrier  string
	ConnectionType float32 // device.connectiontype
	DeviceLmt      float32 // device.lmt, 0 or 1
	GeoCountry     string  // device.geo.country, ISO-3166-1 alpha-3
	GeoRegion      string
	GeoCity        string

	UserID     string
	UserYob    float32
	UserGender string

	At float32 // auction type, bidrequest.at

	// Filter is what a call of filter said, where the request came by one. Its
	// numbers are above as they were sent, and 0 where they were not.
	Filter FilterCall

	// More is what the contract reads beyond that: what its Extractor's Plan
	// asks for. It is nil where nothing was read, and all of it is missing.
	More *More
}

// Absent returns a request that says nothing about itself: every text is empty
// and every number is NaN.
func Absent() Request {
	nan := float32(math.NaN())
	return Request{
		Hour: nan, Minute: nan, DayOfWeek: nan,
		ImpInstl: nan, ImpSecure: nan, ImpRwdd: nan, ImpBidfloor: nan, ImpCount: nan,
		Width: nan, Height: nan, Pos: nan,
		DeviceType: nan, ConnectionType: nan, DeviceLmt: nan,
		UserYob: nan,
		At:      nan,
	}
}
