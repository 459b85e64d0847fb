package main

import (
	"bytes"
	"compress/gzip"
	_ "embed" // the model
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"

	"github.com/sluicehq/sluice/inference/feature"
	"github.com/sluicehq/sluice/inference/model"
)

// trainedFile is what train.py wrote.
//
//go:embed testdata/trained.gz
var trainedFile []byte

// trained is a model that XGBoost trained, without its base, and what its
// auctions are made of.
type trained struct {
	*forest
	tables   [][]float32 // the values of each feature of the request
	partners [][]float32 // the features of each partner
}

// readTrained reads the model and keeps so many of its trees.
func readTrained(trees int) (*trained, error) {
	unzipped, err := gzip.NewReader(bytes.NewReader(trainedFile))
	if err != nil {
		return nil, err
	}
	whole, err := io.ReadAll(unzipped)
	if err != nil {
		return nil, err
	}
	c := columns{in: bytes.NewReader(whole)}
	sizes := read[uint32](&c, 4)
	t := &trained{forest: &forest{features: int(sizes[1] + sizes[3])}}
	for _, n := range read[uint32](&c, sizes[1]) {
		t.tables = append(t.tables, read[float32](&c, n))
	}
	for range sizes[2] {
		t.partners = append(t.partners, read[float32](&c, sizes[3]))
	}
	counts, all := read[uint32](&c, sizes[0]), uint32(0)
	for _, n := range counts {
		all += n
	}
	features, left, right := read[int16](&c, all), read[int16](&c, all), read[int16](&c, all)
	byDefault, values := read[int16](&c, all), read[float32](&c, all)
	if c.err != nil {
		return nil, fmt.Errorf("read the trained model: %w", c.err)
	}
	at := 0
	for _, n := range counts[:trees] {
		nodes := make([]node, n)
		for i := range nodes {
			nodes[i] = node{
				value: values[at], feature: int32(features[at]), left: int32(left[at]), right: int32(right[at]), defaultLeft: byDefault[at] != 0,
			}
			at++
		}
		t.trees = append(t.trees, nodes)
	}
	return t, nil
}

// columns reads numbers, little end first.
type columns struct {
	in  io.Reader
	err error
}

func read[T any](c *columns, n uint32) []T {
	list := make([]T, n)
	if c.err == nil {
		c.err = binary.Read(c.in, binary.LittleEndian, list)
	}
	return list
}

// request draws what an auction has.
func (t *trained) request(rng *rand.Rand) []float32 {
	row := make([]float32, len(t.tables))
	for f, table := range t.tables {
		row[f] = table[rng.IntN(len(table))]
		if rng.IntN(10) == 0 {
			row[f] = float32(math.NaN())
		}
	}
	return row
}

// auctions is what scorers are told of them.
func (t *trained) auctions(partners int) model.Auctions {
	of := model.Auctions{Dependence: make([]model.Dependence, t.features), Partners: partners}
	for f := range of.Dependence {
		of.Dependence[f] = model.OnRequest
		if f >= len(t.tables) {
			of.Dependence[f] = model.OnPartner
		}
	}
	of.Partner = func(row []float32, key uint32) { copy(row[len(t.tables):], t.partners[key]) }
	return of
}

// contract gives the trained model the auctions that go over the wire.
func (t *trained) contract() feature.Contract {
	c := contract()
	for f, feature := range c.Features {
		if f < len(t.tables) {
			for i, key := range c.keys[f] {
				feature.Table[key] = t.tables[f][i%len(t.tables[f])]
			}
			continue
		}
		for i, key := range c.keys[f] {
			feature.Table[key] = t.partners[i][f-len(t.tables)]
			if feature.Table[key] != feature.Table[key] {
				delete(feature.Table, key)
			}
		}
	}
	return c.Contract
}

// trainedRivals score the trained model.
func trainedRivals(trees int) (*rivals, error) {
	t, err := readTrained(trees)
	if err != nil {
		return nil, err
	}
	r := &rivals{f: t.forest, of: t.auctions(benchPartners)}
	if r.m, err = model.Parse(t.json()); err != nil {
		return nil, err
	}
	r.request = t.request
	for key := range benchPartners {
		row := make([]float32, t.features)
		r.of.Partner(row, uint32(key))
		r.known = append(r.known, row)
	}
	return r, nil
}
