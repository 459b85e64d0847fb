package world

import (
	"reflect"
	"testing"
)

// Two audiences of one market have nobody in common, ask the same partners, and
// differ in what these bid on.
func TestAudiencesDiffer(t *testing.T) {
	w := New(1)
	asked, bids := map[bool]map[string]float64{true: {}, false: {}}, map[bool]map[string]float64{true: {}, false: {}}
	for _, apps := range []bool{true, false} {
		a := Audience{w, apps}
		seen := map[string]bool{}
		for n := range uint64(5000) {
			got := a.Auction(n, Moment(n))
			if (got.Request.AppBundle != "") != apps || seen[got.Request.ID] || len(got.Partners) != PartnersPerAuction {
				t.Fatalf("auction %d of apps %v: %+v", n, apps, got.Request)
			}
			if seen[got.Request.ID] = true; !reflect.DeepEqual(got.Partners, a.Auction(n, Moment(n)).Partners) {
				t.Fatalf("auction %d is another when it is asked for again", n)
			}
			for _, partner := range got.Partners {
				asked[apps][partner]++
			}
			for _, partner := range got.Bidders {
				bids[apps][partner]++
			}
		}
	}
	differ := 0
	for partner, n := range asked[true] {
		a, b := bids[true][partner]/n, bids[false][partner]/asked[false][partner]
		if a > 1.5*b || b > 1.5*a {
			differ++
		}
	}
	if differ < 10 {
		t.Errorf("%d of %d partners bid on the one half as often again as on the other", differ, len(asked[true]))
	}
}
