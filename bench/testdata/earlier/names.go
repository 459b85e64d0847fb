package main

import (
	"github.com/sluicehq/sluice/idl/gen/openrtb"
	"github.com/sluicehq/sluice/inference/auction"
)

type auctionRequest = openrtb.BidRequest

func aimed(target string) auction.Config { return auction.Config{Target: target} }
