package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/apache/thrift/lib/go/thrift"

	"github.com/sluicehq/sluice/idl/gen/adfilter"
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/auction/world"
	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
	"github.com/sluicehq/sluice/inference/release"
)

// The auctions of every row that goes over the wire: some 660 bytes each.
const (
	differentRequests = 4096
	valuesPerField    = 8
	knownPartners     = 100
)

// sources are the texts of a request that the model's features read, alone and
// in pairs: 20 features in all.
func sources() [][]string {
	const (
		tag, domain, cat, publisher, ua    = "imp.tagid", "site.domain", "site.cat", "publisher.id", "device.ua"
		maker, os, country, region, person = "device.make", "device.os", "device.geo.country", "device.geo.region", "user.id"
	)
	return [][]string{
		{tag},
		{domain},
		{cat},
		{publisher},
		{ua},
		{maker},
		{os},
		{country},
		{region},
		{person},
		{tag, domain},
		{tag, os},
		{domain, country},
		{cat, country},
		{publisher, os},
		{ua, region},
		{maker, cat},
		{os, region},
		{country, maker},
		{region, tag},
	}
}

// spelling is the i-th value of a source.
func spelling(source string, i int) string {
	switch source {
	case "device.ua":
		return fmt.Sprintf("Mozilla/5.0 (Linux; Android 14; Pixel %d) AppleWebKit/537.36", i)
	case "device.geo.country":
		return []string{"DEU", "FRA", "USA", "GBR", "POL", "ESP", "ITA", "JPN"}[i]
	}
	return fmt.Sprintf("%s-%d", strings.ReplaceAll(source, ".", "-"), 1000+i)
}

func partnerNames(n int) []string {
	names := make([]string, n)
	for i := range names {
		names[i] = fmt.Sprintf("partner-%02d", i)
	}
	return names
}

// tables is a contract of tables, and their keys in order.
type tables struct {
	feature.Contract
	keys [][]string
}

// contract tells request and partner features: every one a table whose values
// spread as the model's thresholds do.
func contract() tables {
	rng := rand.New(rand.NewPCG(4, 4))
	var c tables
	add := func(source []string, keys []string) {
		table := map[string]float32{}
		for _, key := range keys {
			table[key] = float32(rng.NormFloat64())
		}
		c.keys = append(c.keys, keys)
		name := fmt.Sprintf("%s %d", strings.Join(source, " by "), len(c.Features))
		c.Features = append(c.Features, feature.Feature{Name: name, Kind: feature.Table, Source: source, Table: table})
	}
	for _, source := range sources() {
		keys := []string{""}
		for i, name := range source {
			var longer []string
			for _, key := range keys {
				for v := range valuesPerField {
					longer = append(longer, strings.TrimPrefix(key+"|"+spelling(name, v), "|"))
				}
			}
			if keys = longer; i == 1 {
				break
			}
		}
		add(source, keys)
	}
	for range partnerFeatures {
		add([]string{"partner"}, partnerNames(knownPartners))
	}
	return c
}

// tiny is a contract of one request and one partner feature.
func tiny() feature.Contract {
	all := contract().Features
	return feature.Contract{Features: []feature.Feature{all[0], all[len(all)-1]}}
}

// sized returns a model of so many trees and its contract; without any, the
// least that can be served.
func sized(seed uint64, trees int) (*forest, feature.Contract) {
	if trees == 0 {
		return newForest(seed, 1, 1, 2), tiny()
	}
	return newForest(seed, trees, benchDepth, benchFeatures), contract().Contract
}

// requests are the auctions, each with values drawn for every field.
func requests() []feature.Request {
	rng := rand.New(rand.NewPCG(5, 5))
	list := make([]feature.Request, differentRequests)
	for i := range list {
		value := func(source string) string { return spelling(source, rng.IntN(valuesPerField)) }
		r := feature.Absent()
		r.ID, r.Format, r.At, r.ImpCount = fmt.Sprintf("b7d3f2a0-9c1e-4f0a-8a77-1d2e3f%06d", i), "banner", 1, 1
		r.ImpTagID, r.ImpBidfloor, r.Width, r.Height = value("imp.tagid"), 0.35, 300, 250
		r.SiteDomain, r.SiteCat, r.PublisherID = value("site.domain"), value("site.cat"), value("publisher.id")
		r.DeviceUA, r.DeviceMake, r.DeviceOS, r.DeviceType = value("device.ua"), value("device.make"), value("device.os"), 4
		r.GeoCountry, r.GeoRegion, r.UserID = value("device.geo.country"), value("device.geo.region"), value("user.id")
		list[i] = r
	}
	return list
}

// onWire is the request as clients have it.
func onWire(r *feature.Request) *auctionRequest {
	i := func(v float32) *int32 { n := int32(v); return &n }
	floor, tmax := float64(r.ImpBidfloor), int32(time.Minute/time.Millisecond)
	return &auctionRequest{
		ID: &r.ID, At: i(r.At), Tmax: &tmax, Cur: []string{"USD"},
		Imp:    []*openrtb.Imp{{Tagid: &r.ImpTagID, Bidfloor: &floor, Banner: &openrtb.Banner{W: i(r.Width), H: i(r.Height)}}},
		Site:   &openrtb.Site{Domain: &r.SiteDomain, Cat: []string{r.SiteCat}, Publisher: &openrtb.Publisher{ID: &r.PublisherID}},
		Device: &openrtb.Device{Ua: &r.DeviceUA, Make: &r.DeviceMake, Os: &r.DeviceOS, Devicetype: i(r.DeviceType), Geo: &openrtb.Geo{Country: &r.GeoCountry, Region: &r.GeoRegion}},
		User:   &openrtb.User{ID: &r.UserID},
	}
}

// fromWire is what the stock server does of it: just what the model reads.
func fromWire(b *auctionRequest) feature.Request {
	r := feature.Absent()
	r.ID = b.GetID()
	if len(b.Imp) > 0 {
		r.ImpTagID = b.Imp[0].GetTagid()
	}
	if s := b.Site; s != nil && len(s.Cat) > 0 && s.Publisher != nil {
		r.SiteDomain, r.SiteCat, r.PublisherID = s.GetDomain(), s.Cat[0], s.Publisher.GetID()
	}
	if d := b.Device; d != nil && d.Geo != nil {
		r.DeviceUA, r.DeviceMake, r.DeviceOS = d.GetUa(), d.GetMake(), d.GetOs()
		r.GeoCountry, r.GeoRegion = d.Geo.GetCountry(), d.Geo.GetRegion()
	}
	r.UserID = b.GetUser().GetID()
	return r
}

// calls are the auctions as framed binary decides.
func calls(partners int) ([][]byte, error) {
	var list [][]byte
	for _, r := range requests() {
		var sent bytes.Buffer
		conf := &thrift.TConfiguration{}
		to := thrift.NewTFramedTransportConf(thrift.NewStreamTransportW(&sent), conf)
		p := thrift.NewTBinaryProtocolConf(to, conf)
		ctx := context.Background()
		args := adfilter.AdFilterDecideArgs{Request: onWire(&r), Partners: partnerNames(partners)}
		if err := p.WriteMessageBegin(ctx, "decide", thrift.CALL, 1); err != nil {
			return nil, err
		}
		if err := args.Write(ctx, p); err != nil {
			return nil, err
		}
		if err := p.Flush(ctx); err != nil {
			return nil, err
		}
		list = append(list, bytes.Clone(sent.Bytes()))
	}
	return list, nil
}

// market is the same auctions for the auction client.
type market []feature.Request

// Auction implements auction.World.
func (m market) Auction(n uint64, at time.Time) world.Auction {
	r := m[n%uint64(len(m))]
	r.SetTime(at)
	return world.Auction{Request: r, Partners: partnerNames(benchPartners), Bidders: []string{}}
}

// archive packs a model of random trees as a training job would. Other seeds
// give other releases.
func archive(f *forest, c feature.Contract) ([]byte, error) {
	made, err := c.Compile()
	if err != nil {
		return nil, err
	}
	saved := f.json()
	m, err := model.Parse(saved)
	if err != nil {
		return nil, err
	}
	manifest := release.Manifest{
		Format: release.ManifestFormat, Model: release.DefaultModel, Contract: c,
		Thresholds: map[string]float32{}, DefaultThreshold: 0.5, TrainedOn: "chance",
		Predicted: release.Predicted{FilterRate: release.Interval{Estimate: 0.5, Low: 0.4, High: 0.6}},
	}
	for _, name := range partnerNames(knownPartners) {
		manifest.Thresholds[name] = 0.5
	}
	row := make([]float32, made.Len())
	for i, r := range requests()[:32] {
		partner := partnerNames(knownPartners)[i]
		made.Extract(row, &r, partner)
		golden := release.Golden{Margin: m.Margin(row), Score: m.Score(row), Auction: feature.MarshalOpenRTB(r), Partner: partner}
		for _, v := range row {
			golden.Features = append(golden.Features, pointer(v))
		}
		manifest.Golden = append(manifest.Golden, golden)
	}
	written, err := json.Marshal(manifest)
	if err != nil {
		return nil, err
	}
	return release.Pack(map[string][]byte{release.ManifestName: written, release.DefaultModel: saved})
}

func pointer(v float32) *float32 {
	if math.IsNaN(float64(v)) {
		return nil
	}
	return &v
}
