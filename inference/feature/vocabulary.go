package feature

import (
	"math"
	"strconv"
	"strings"
)

// The sources that read more of a request than Request holds, and those that
// are worked out. Each is a row of docs/features.md.

// need is what a source reads of a Plan.
type need struct {
	path string
	op   operation
}

// kinds are those of all attributes, by their paths.
type kinds map[string]AttributeKind

// asks makes a source of one attribute as it stands.
func (k kinds) asks(name, path string, op operation, unit string) source {
	s := source{name: name, needs: []need{{path, op}}, told: told{path: path, unit: unit, absent: missing}}
	if op.texts(k[path]) {
		s.textOf = func(_ *Request, m *More, at []int) string { return m.texts[at[0]] }
		return s
	}
	if op == isThere || op == isOne {
		s.told.absent = "0"
	}
	s.numberOf = func(_ *Request, m *More, at []int) float32 { return m.numbers[at[0]] }
	return s
}

const missing = "missing"

// asked are the sources of attributes as they stand.
func asked() []source {
	const flag, count = "1: yes, 0: no", "count"
	k := kinds{}
	for _, a := range Attributes() {
		k[a.Path] = a.Kind
	}
	asks := k.asks
	number := func(path, unit string) source { return asks(strings.ReplaceAll(path, "[]", ""), path, firstOf, unit) }
	text := func(path string) source { return asks(strings.ReplaceAll(path, "[]", ""), path, firstOf, "text") }
	all := []source{
		asks("imp.any.banner", "imp[].banner", isThere, flag), asks("imp.any.video", "imp[].video", isThere, flag),
		asks("imp.any.audio", "imp[].audio", isThere, flag), asks("imp.any.native", "imp[].native", isThere, flag),
		asks("imp.any.instl", "imp[].instl", anyOf, flag), asks("imp.any.secure", "imp[].secure", anyOf, flag), asks("imp.any.rwdd", "imp[].rwdd", anyOf, flag),
		asks("imp.formats", "imp[].banner.format[]", countOf, count), asks("imp.banner.api", "imp[].banner.api", countOf, count),
		asks("imp.private_auction", "imp[].pmp.private_auction", anyOf, flag), asks("imp.deals", "imp[].pmp.deals[]", countOf, count),
		asks("imp.deal.id", "imp[].pmp.deals[].id", firstOf, "text"), asks("imp.deal.bidfloor", "imp[].pmp.deals[].bidfloor", firstOf, "CPM, in its own currency"),
		text("imp[].displaymanager"), number("imp[].exp", "seconds"),

		asks("video.minduration", "imp[].video.minduration", firstOf, "seconds"), asks("video.maxduration", "imp[].video.maxduration", firstOf, "seconds"),
		asks("video.startdelay", "imp[].video.startdelay", firstOf, "seconds; -1, -2: mid-, post-roll"), asks("video.linearity", "imp[].video.linearity", firstOf, "1: linear, 2: overlay"),
		asks("video.plcmt", "imp[].video.plcmt", firstOf, "OpenRTB's list"), asks("video.placement", "imp[].video.placement", firstOf, "OpenRTB's list"),
		asks("video.skip", "imp[].video.skip", firstOf, flag), asks("video.mimes", "imp[].video.mimes", countOf, count), asks("video.protocols", "imp[].video.protocols", countOf, count),
		asks("video.protocols.max", "imp[].video.protocols", mostOf, "OpenRTB's list"), asks("video.api", "imp[].video.api", countOf, count),
		asks("video.playbackmethod", "imp[].video.playbackmethod", firstOf, "OpenRTB's list"),
		asks("audio.minduration", "imp[].audio.minduration", firstOf, "seconds"), asks("audio.maxduration", "imp[].audio.maxduration", firstOf, "seconds"), asks("audio.startdelay", "imp[].audio.startdelay", firstOf, "seconds"),

		text("site.page"), text("site.ref"), number("site.mobile", flag), text("site.sectioncat"), text("site.pagecat"), text("app.ver"), number("app.paid", flag),
		text("dooh.id"), text("dooh.venuetype"),
		number("device.dnt", flag), number("device.js", flag), text("device.hwv"), text("device.mccmnc"),
		number("device.h", "pixels"), number("device.w", "pixels"), number("device.ppi", "pixels per inch"), number("device.pxratio", "ratio"),
		asks("device.ifa.known", "device.ifa", isOne, flag), asks("device.ip.known", "device.ip", isThere, flag), asks("device.ipv6.known", "device.ipv6", isThere, flag),
		number("device.geo.lat", "degrees"), number("device.geo.lon", "degrees"), number("device.geo.type", "OpenRTB's list"),
		number("device.geo.utcoffset", "minutes"), text("device.geo.metro"), text("device.geo.zip"),
		asks("sua.browser", "device.sua.browsers[].brand", brandOf, "family, as chrome"), asks("sua.mobile", "device.sua.mobile", firstOf, flag),

		asks("user.buyeruid.known", "user.buyeruid", isOne, flag), asks("user.eids", "user.eids[]", countOf, count), asks("user.eids.source", "user.eids[].source", firstOf, "text"),
		asks("user.data", "user.data[]", countOf, count), asks("user.data.segments", "user.data[].segment[]", countOf, count),
		asks("user.consent.known", "user.consent", isThere, flag),
		number("regs.coppa", flag), number("regs.gdpr", flag), text("regs.us_privacy"), asks("regs.gpp.known", "regs.gpp", isThere, flag), number("regs.gpp_sid", "OpenRTB's list"),
		number("source.fd", flag), number("source.schain.complete", flag), asks("source.schain.nodes", "source.schain.nodes[]", countOf, count),
		number("test", flag), number("allimps", flag), text("cur"), asks("wseat", "wseat", countOf, count),
		asks("bcat", "bcat", countOf, count), asks("badv", "badv", countOf, count), asks("bapp", "bapp", countOf, count),
	}
	return all
}

// worked are the sources that are worked out. Those of money need the
// contract's rates.
func worked(c *Contract) []source {
	return []source{
		{
			name: "channel", told: told{"dooh, device.devicetype 3 or 7, app, site", "site, app, ctv or dooh", missing},
			needs:  []need{{"dooh", isThere}, {"app", isThere}, {"site", isThere}},
			textOf: channel,
		},
		{name: "minute", told: told{"the clock", "0 to 59, of the hour in UTC", missing}, number: func(r *Request) float32 { return r.Minute }},
		{
			name: "hour.local", told: told{"device.geo.utcoffset, else user.geo.utcoffset", "0 to 23", missing}, needs: offsets(),
			numberOf: func(r *Request, m *More, at []int) float32 { _, hour := local(r, m, at); return hour },
		},
		{
			name: "dayofweek.local", told: told{"device.geo.utcoffset, else user.geo.utcoffset", "0: Sunday", missing}, needs: offsets(),
			numberOf: func(r *Request, m *More, at []int) float32 { day, _ := local(r, m, at); return day },
		},
		geoSource("country", "alpha-3, from either code", country), geoSource("region", "text", asSpelled), geoSource("metro", "text", asSpelled), geoSource("city", "text", asSpelled), geoSource("zip", "text", asSpelled),
		{
			name: "imp.size", told: told{"imp[0], as imp.w and imp.h", "as 300x250", missing},
			needs:  []need{{"imp[]", countOf}}, // for the sake of More, in which it is spelled
			textOf: sizeOf,
		},
		sizes("imp.w.max", "w"), sizes("imp.h.max", "h"),
		{
			name: "imp.gpid", told: told{"imp[].gpid or ext.gpid, else imp[0].tagid", "text", missing}, needs: []need{{"imp[].gpid", firstOf}},
			textOf: func(r *Request, m *More, at []int) string { return orText(m.texts[at[0]], r.ImpTagID) },
		},
		{name: "page.domain", told: told{"host of site.page, else site.domain", "lower case, without www.", missing}, needs: []need{{"site.page", firstOf}}, textOf: pageDomain},
		contentText("genre"), contentText("series"), contentText("language"), contentText("contentrating"), contentText("cat"),
		contentNumber("livestream", "1: yes, 0: no"), contentNumber("len", "seconds"), contentNumber("context", "OpenRTB's list"),
		{
			name: "sua.os", told: told{"device.sua.platform.brand", "family, as android", missing}, needs: []need{{"device.sua.platform.brand", firstOf}},
			textOf: func(_ *Request, m *More, at []int) string { return platform(m.texts[at[0]]) },
		},
		{name: "ua.browser", told: told{"device.ua", "family, as chrome", missing}, text: func(r *Request) string { return browserOf(r.DeviceUA) }},
		{name: "ua.os", told: told{"device.ua", "family, as android", missing}, text: func(r *Request) string { return systemOf(r.DeviceUA) }},
		c.money("imp.floor", "imp[0].bidfloor", func(m *More) float32 { return c.firstFloor(m) }),
		c.money("imp.floor.max", "imp[].bidfloor", func(m *More) float32 { _, high := c.floorRange(m); return high }),
		c.money("imp.floor.min", "imp[].bidfloor", func(m *More) float32 { low, _ := c.floorRange(m); return low }),
	}
}

func asSpelled(v string) string { return v }

func orText(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// channel tells where the advertisement will be seen. A television is one
// whatever runs on it.
func channel(r *Request, m *More, at []int) string {
	switch {
	case m.numbers[at[0]] == 1:
		return "dooh"
	case r.DeviceType == 3, r.DeviceType == 7:
		return "ctv"
	case m.numbers[at[1]] == 1:
		return "app"
	case m.numbers[at[2]] == 1:
		return "site"
	}
	return ""
}

func offsets() []need {
	return []need{{"device.geo.utcoffset", firstOf}, {"user.geo.utcoffset", firstOf}}
}

// local returns the day of the week and the hour where the user is.
func local(r *Request, m *More, at []int) (day, hour float32) {
	offset := m.numbers[at[0]]
	if absent(offset) {
		offset = m.numbers[at[1]]
	}
	if !(offset >= -24*60 && offset <= 24*60) || absent(r.Minute) { // NaN is in no range
		return nan(), nan()
	}
	const week = 7 * 24 * 60
	minutes := (int(r.DayOfWeek)*24+int(r.Hour))*60 + int(r.Minute) + int(offset)
	minutes = (minutes + week) % week
	return float32(minutes / (24 * 60)), float32(minutes / 60 % 24)
}

// geoSource is where the device is, else where the user lives.
func geoSource(name, unit string, as func(string) string) source {
	return source{
		name: "geo." + name, told: told{"device.geo." + name + ", else user.geo." + name, unit, missing},
		needs:  []need{{"device.geo." + name, firstOf}, {"user.geo." + name, firstOf}},
		textOf: func(_ *Request, m *More, at []int) string { return as(orText(m.texts[at[0]], m.texts[at[1]])) },
	}
}

// sizes is the largest width or height that any impression offers.
func sizes(name, side string) source {
	s := source{name: name, told: told{"imp[].banner." + side + ", .format[]." + side + ", .video." + side, "pixels", missing}}
	for _, of := range []string{"banner.", "banner.format[].", "video."} {
		s.needs = append(s.needs, need{"imp[]." + of + side, mostOf})
	}
	s.numberOf = func(_ *Request, m *More, at []int) float32 {
		most := nan()
		for _, i := range at {
			if v := m.numbers[i]; absent(most) || v > most {
				most = v
			}
		}
		return most
	}
	return s
}

func contentText(name string) source {
	return source{
		name: "content." + name, told: told{"site.content." + name + ", else app.content." + name, "text", missing},
		needs:  []need{{"site.content." + name, firstOf}, {"app.content." + name, firstOf}},
		textOf: func(_ *Request, m *More, at []int) string { return orText(m.texts[at[0]], m.texts[at[1]]) },
	}
}

func contentNumber(name, unit string) source {
	return source{
		name: "content." + name, told: told{"site.content." + name + ", else app.content." + name, unit, missing},
		needs: []need{{"site.content." + name, firstOf}, {"app.content." + name, firstOf}},
		numberOf: func(_ *Request, m *More, at []int) float32 {
			if v := m.numbers[at[0]]; !absent(v) {
				return v
			}
			return m.numbers[at[1]]
		},
	}
}

// sizeOf spells the size of the first impression.
func sizeOf(r *Request, m *More, _ []int) string {
	if !(r.Width >= 0 && r.Height >= 0) || r.Width > math.MaxUint16 || r.Height > math.MaxUint16 {
		return ""
	}
	b := strconv.AppendInt(m.size[:0], int64(r.Width), 10)
	b = strconv.AppendInt(append(b, 'x'), int64(r.Height), 10)
	return aliasing(b)
}

// pageDomain is the name of the host that shows the page, in lower case and
// without "www.".
func pageDomain(r *Request, m *More, at []int) string {
	host := strings.TrimSuffix(orText(hostOf(m.texts[at[0]]), r.SiteDomain), ".")
	if len(host) > len(m.host) {
		return ""
	}
	b := m.host[:len(host)]
	for i := range len(host) {
		if b[i] = host[i]; host[i] >= 'A' && host[i] <= 'Z' {
			b[i] |= 0x20
		}
	}
	return strings.TrimPrefix(aliasing(b), "www.")
}

// hostOf is the host in an address, with a scheme or without; empty for none,
// as in about:blank.
func hostOf(address string) string {
	const ends = "/?#"
	switch i := strings.IndexAny(address, ":"+ends); {
	case i < 0:
	case strings.HasPrefix(address[i:], "://"):
		address = address[i+len("://"):]
	case strings.HasPrefix(address, "//"):
		address = address[len("//"):]
	case address[i] == ':' && !isPort(address[i+1:]):
		return ""
	}
	if i := strings.IndexAny(address, ends); i >= 0 {
		address = address[:i]
	}
	host := address[strings.LastIndexByte(address, '@')+1:]
	if inside, is := strings.CutPrefix(host, "["); is { // an address of IPv6
		host, _, _ = strings.Cut(inside, "]")
		return host
	}
	host, _, _ = strings.Cut(host, ":")
	return host
}

// isPort tells a port behind a host from what stands behind a scheme.
func isPort(s string) bool {
	return s == "" || s[0] >= '0' && s[0] <= '9' || strings.IndexByte("/?#", s[0]) >= 0
}

func (c *Contract) money(name, path string, of func(*More) float32) source {
	return source{
		name: name, told: told{path + ", bidfloorcur", "CPM, in the contract's currency", missing},
		needs:    []need{{"imp[]", floorsOf}, {"imp[].bidfloor", floorOf}, {"imp[].bidfloorcur", currencyOf}},
		numberOf: func(_ *Request, m *More, _ []int) float32 { return of(m) },
	}
}

// convert turns an amount into the contract's currency; NaN without a rate, or
// where that is more than a number can be.
func (c *Contract) convert(amount float32, currency string) float32 {
	if currency == c.currency() {
		return amount
	}
	if rate, ok := c.Rates[currency]; ok {
		if v := float32(float64(amount) * rate); finite(v) {
			return v
		}
	}
	return nan()
}

func (c *Contract) currency() string { return orText(c.Currency, openRTBCurrency) }

func (c *Contract) firstFloor(m *More) float32 {
	for i := range m.floors[:m.known] {
		if f := &m.floors[i]; !absent(f.first) {
			return c.convert(f.first, f.currency)
		}
	}
	return nan()
}

// floorRange is the lowest and the highest floor, where all can be compared.
func (c *Contract) floorRange(m *More) (low, high float32) {
	low, high = nan(), nan()
	for i := range m.floors[:m.known] {
		f := &m.floors[i]
		a, b := c.convert(f.low, f.currency), c.convert(f.high, f.currency)
		if absent(a) || m.many {
			return nan(), nan()
		}
		if i == 0 {
			low, high = a, b
		}
		low, high = min(low, a), max(high, b)
	}
	return low, high
}
