package main

import (
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/auction"
)

// This file is not in the earlier program that ours is measured beside: what
// had other names there stands in testdata/earlier.

type auctionRequest = openrtb.AuctionRequest

// aimed is how auctions are sent to one target.
func aimed(target string) auction.Config { return auction.Config{Targets: []string{target}} }
