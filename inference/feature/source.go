package feature

import "slices"

// source is one place in an auction from which a feature can be read: a text
// or a number, never both. The partner is a text that no request carries.
type source struct {
	name   string
	text   func(*Request) string
	number func(*Request) float32
}

// partnerSource is the name of the one source that is not in the request.
const partnerSource = "partner"

// Sources returns the names that a contract may use as sources, in
// alphabetical order.
func Sources() []string {
	var names []string
	for _, s := range sources() {
		names = append(names, s.name)
	}
	slices.Sort(names)
	return names
}

func sources() []source {
	return append(texts(), numbers()...)
}

func texts() []source {
	return []source{
		{name: partnerSource},
		{name: "imp.format", text: func(r *Request) string { return r.Format }},
		{name: "imp.tagid", text: func(r *Request) string { return r.ImpTagID }},
		{name: "site.id", text: func(r *Request) string { return r.SiteID }},
		{name: "site.domain", text: func(r *Request) string { return r.SiteDomain }},
		{name: "site.cat", text: func(r *Request) string { return r.SiteCat }},
		{name: "app.id", text: func(r *Request) string { return r.AppID }},
		{name: "app.bundle", text: func(r *Request) string { return r.AppBundle }},
		{name: "publisher.id", text: func(r *Request) string { return r.PublisherID }},
		{name: "device.ua", text: func(r *Request) string { return r.DeviceUA }},
		{name: "device.make", text: func(r *Request) string { return r.DeviceMake }},
		{name: "device.model", text: func(r *Request) string { return r.DeviceModel }},
		{name: "device.os", text: func(r *Request) string { return r.DeviceOS }},
		{name: "device.osv", text: func(r *Request) string { return r.DeviceOSV }},
		{name: "device.language", text: func(r *Request) string { return r.DeviceLanguage }},
		{name: "device.carrier", text: func(r *Request) string { return r.DeviceCarrier }},
		{name: "device.geo.country", text: func(r *Request) string { return r.GeoCountry }},
		{name: "device.geo.region", text: func(r *Request) string { return r.GeoRegion }},
		{name: "device.geo.city", text: func(r *Request) string { return r.GeoCity }},
		{name: "user.id", text: func(r *Request) string { return r.UserID }},
		{name: "user.gender", text: func(r *Request) string { return r.UserGender }},
	}
}

func numbers() []source {
	return []source{
		{name: "hour", number: func(r *Request) float32 { return r.Hour }},
		{name: "dayofweek", number: func(r *Request) float32 { return r.DayOfWeek }},
		{name: "at", number: func(r *Request) float32 { return r.At }},
		{name: "imp.count", number: func(r *Request) float32 { return r.ImpCount }},
		{name: "imp.instl", number: func(r *Request) float32 { return r.ImpInstl }},
		{name: "imp.secure", number: func(r *Request) float32 { return r.ImpSecure }},
		{name: "imp.rwdd", number: func(r *Request) float32 { return r.ImpRwdd }},
		{name: "imp.bidfloor", number: func(r *Request) float32 { return r.ImpBidfloor }},
		{name: "imp.w", number: func(r *Request) float32 { return r.Width }},
		{name: "imp.h", number: func(r *Request) float32 { return r.Height }},
		{name: "imp.pos", number: func(r *Request) float32 { return r.Pos }},
		{name: "device.devicetype", number: func(r *Request) float32 { return r.DeviceType }},
		{name: "device.connectiontype", number: func(r *Request) float32 { return r.ConnectionType }},
		{name: "device.lmt", number: func(r *Request) float32 { return r.DeviceLmt }},
		{name: "user.yob", number: func(r *Request) float32 { return r.UserYob }},
	}
}
