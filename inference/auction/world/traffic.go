package world

import (
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/sluicehq/sluice/inference/feature"
)

// The sizes of the market.
const (
	publisherCount = 3000
	countryCount   = 40
	categoryCount  = 16
	formatCount    = 4
	deviceCount    = 6
	cityCount      = 12 // of a country
)

// traffic draws requests. Publishers, countries and cities have long tails;
// what a request is like depends on its publisher.
type traffic struct {
	publishers []publisher
	popularity shares // of publishers
	countries  []country
	sizes      shares // of countries
	formats    []string
	categories []string
	devices    []device

	countryIndex, formatIndex, categoryIndex map[string]int
	publisherIndex                           map[string]int
	deviceIndex                              [16]int8 // by OpenRTB device type
}

type publisher struct {
	id, domain, bundle, appID, tagID string // domain is empty for an app, bundle for a site
	category                         int
	home                             int // country
	formats                          shares
	devices                          shares
	floor                            float64 // log of the usual floor, CPM
}

type country struct {
	code, language string
	regions        []string
	cities         []string
	carrier        string
	spread         shares  // of cities
	floor          float64 // log, added to the publisher's
}

type device struct {
	kind  float32 // OpenRTB device type
	maker string
	model []string
	os    string
	osv   []string
	ua    []string // by model
}

func newTraffic(d *dice) traffic {
	t := traffic{
		formats:        []string{"banner", "video", "native", "audio"},
		devices:        devices(),
		popularity:     zipf(publisherCount, 1.05),
		sizes:          zipf(countryCount, 1.1),
		countryIndex:   map[string]int{},
		publisherIndex: map[string]int{},
	}
	for i := range categoryCount {
		t.categories = append(t.categories, "IAB"+strconv.Itoa(i+1))
	}
	for i, code := range countryCodes() {
		t.countries = append(t.countries, newCountry(d, code, i))
		t.countryIndex[code] = i
	}
	t.formatIndex, t.categoryIndex = index(t.formats), index(t.categories)
	for i := range t.deviceIndex {
		t.deviceIndex[i] = int8(slices.IndexFunc(t.devices, func(d device) bool { return d.kind == float32(i) }))
	}
	for i := range publisherCount {
		p := t.newPublisher(d, i)
		t.publisherIndex[p.id] = i
		t.publishers = append(t.publishers, p)
	}
	return t
}

func newCountry(d *dice, code string, i int) country {
	c := country{code: code, language: languages()[i%len(languages())], carrier: code + " Mobile", spread: zipf(cityCount, 1)}
	for j := range cityCount {
		c.regions = append(c.regions, fmt.Sprintf("%s-%02d", code[:2], j/3+1))
		c.cities = append(c.cities, fmt.Sprintf("%s city %d", code, j+1))
	}
	c.floor = d.normal(-0.03*float64(i), 0.2)
	return c
}

func (t *traffic) newPublisher(d *dice, i int) publisher {
	p := publisher{
		id:       fmt.Sprintf("pub-%04d", i+1),
		tagID:    fmt.Sprintf("slot-%04d", i+1),
		category: d.below(categoryCount),
		home:     t.sizes.draw(d),
		floor:    d.normal(-0.9, 0.5),
	}
	if d.float() < 0.4 {
		p.bundle, p.appID = fmt.Sprintf("com.example.app%04d", i+1), fmt.Sprintf("app-%04d", i+1)
		p.devices = newShares([]float64{.02, .68, .14, .12, .03, .01})
	} else {
		p.domain = fmt.Sprintf("site%04d.example", i+1)
		p.devices = newShares([]float64{.42, .45, .1, .02, .01, 0})
	}
	leaning := []float64{.62, .18, .16, .04}
	for j := range leaning {
		leaning[j] *= math.Exp(d.normal(0, 0.8))
	}
	p.formats = newShares(leaning)
	return p
}

// request draws the request of auction n.
func (t *traffic) request(d *dice, n uint64) feature.Request {
	r := feature.Absent()
	r.ID = strconv.FormatUint(n, 36)
	p := &t.publishers[t.popularity.draw(d)]
	home := p.home
	if d.float() < 0.35 {
		home = t.sizes.draw(d)
	}
	c := &t.countries[home]
	r.PublisherID, r.SiteCat = p.id, t.categories[p.category]
	if p.bundle != "" {
		r.AppID, r.AppBundle = p.appID, p.bundle
	} else {
		r.SiteID, r.SiteDomain = p.id, p.domain
	}
	t.fillImp(d, &r, p, c)
	t.fillDevice(d, &r, &t.devices[p.devices.draw(d)], c)
	fillUser(d, &r)
	r.At = 1
	if d.float() < 0.1 {
		r.At = 2
	}
	return r
}

func (t *traffic) fillImp(d *dice, r *feature.Request, p *publisher, c *country) {
	format := p.formats.draw(d)
	r.Format, r.ImpTagID, r.ImpCount = t.formats[format], p.tagID, 1
	if d.float() < 0.15 {
		r.ImpCount = float32(2 + d.below(4))
	}
	r.ImpSecure = 1
	r.ImpInstl, r.ImpRwdd = chance(d, .08), chance(d, .03)
	premium := [formatCount]float64{0, 1.1, .2, .6}[format]
	if d.float() < 0.88 { // the others name no floor
		floor := math.Exp(p.floor + c.floor + premium + d.normal(0, 0.35))
		r.ImpBidfloor = float32(math.Round(floor*100) / 100)
	}
	switch format {
	case 0:
		sizes := [...][2]float32{{300, 250}, {728, 90}, {320, 50}, {160, 600}, {970, 250}, {300, 600}}
		s := sizes[int(d.float()*d.float()*float64(len(sizes)))]
		r.Width, r.Height, r.Pos = s[0], s[1], float32(d.below(4))
	case 1:
		r.Width, r.Height, r.Pos = 640, 360, 1
		if d.float() < 0.3 {
			r.Width, r.Height, r.Pos = 1920, 1080, 7
		}
	}
}

func (t *traffic) fillDevice(d *dice, r *feature.Request, v *device, c *country) {
	model := int(d.float() * d.float() * float64(len(v.model)))
	r.DeviceType, r.DeviceMake, r.DeviceModel = v.kind, v.maker, v.model[model]
	r.DeviceOS, r.DeviceOSV, r.DeviceUA = v.os, v.osv[d.below(len(v.osv))], v.ua[model]
	r.DeviceLmt = chance(d, .22)
	r.GeoCountry = c.code
	if d.float() < 0.9 {
		city := c.spread.draw(d)
		r.GeoRegion, r.GeoCity = c.regions[city], c.cities[city]
	}
	if d.float() < 0.95 {
		r.DeviceLanguage = c.language
	}
	r.ConnectionType = 2 // WiFi
	if v.kind == 4 && d.float() < 0.55 {
		r.ConnectionType, r.DeviceCarrier = float32(5+d.below(3)), c.carrier
	}
	if d.float() < 0.1 {
		r.ConnectionType = feature.Absent().ConnectionType
	}
}

func fillUser(d *dice, r *feature.Request) {
	if d.float() < 0.6 {
		r.UserID = "u" + strconv.FormatUint(mix(uint64(d.below(1<<22))), 36)
	}
	if d.float() < 0.25 {
		r.UserYob = float32(1950 + d.below(58))
		r.UserGender = [...]string{"F", "M"}[d.below(2)]
	}
}

func chance(d *dice, p float64) float32 {
	if d.float() < p {
		return 1
	}
	return 0
}

// traits are what of a request matters to partners. An index of -1 is unknown.
type traits struct {
	publisher, country, format, category, device int
	hour                                         float64
	floor                                        float64 // log
	private                                      bool    // limited ad tracking, or no user id
}

// usualFloor stands for a floor that is not named.
const usualFloor = 0.4

func (t *traffic) traits(r *feature.Request) traits {
	out := traits{
		publisher: lookup(t.publisherIndex, r.PublisherID), country: lookup(t.countryIndex, r.GeoCountry),
		format: lookup(t.formatIndex, r.Format), category: lookup(t.categoryIndex, r.SiteCat), device: -1,
		hour: float64(r.Hour), floor: math.Log(usualFloor),
		private: r.DeviceLmt == 1 || r.UserID == "",
	}
	if k := r.DeviceType; k >= 0 && int(k) < len(t.deviceIndex) {
		out.device = int(t.deviceIndex[int(k)])
	}
	if r.ImpBidfloor == r.ImpBidfloor {
		out.floor = math.Log(max(0.01, float64(r.ImpBidfloor)))
	}
	if out.hour != out.hour {
		out.hour = 12
	}
	return out
}

func lookup(index map[string]int, key string) int {
	if i, ok := index[key]; ok {
		return i
	}
	return -1
}

func index(names []string) map[string]int {
	m := make(map[string]int, len(names))
	for i, name := range names {
		m[name] = i
	}
	return m
}

// shares are the cumulative probabilities of choices.
type shares []float64

func newShares(weights []float64) shares {
	s := make(shares, len(weights))
	sum := 0.0
	for i, w := range weights {
		sum += w
		s[i] = sum
	}
	for i := range s {
		s[i] /= sum
	}
	return s
}

// zipf gives choice i a weight of 1/(i+1)^exponent: a few giants, a long tail.
func zipf(n int, exponent float64) shares {
	weights := make([]float64, n)
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -exponent)
	}
	return newShares(weights)
}

func (s shares) draw(d *dice) int {
	i, _ := slices.BinarySearch(s, math.Nextafter(d.float(), 1))
	return min(i, len(s)-1)
}

// of returns the probability of choice i.
func (s shares) of(i int) float64 {
	if i == 0 {
		return s[0]
	}
	return s[i] - s[i-1]
}
