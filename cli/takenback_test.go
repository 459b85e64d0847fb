package cli

import (
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/api"
	"github.com/sluicehq/sluice/api/apitest"
)

// Whoever tries what was taken back on another fleet is told so at once.
func TestTryOfWhatWasTakenBack(t *testing.T) {
	now := time.Now()
	eu, us := apitest.Scene("rolled_back", now.Add(-2*time.Hour)), apitest.Scene("idle", now)
	eu.Saved.Fleet, us.Saved.Fleet = "ads-eu", "ads-us"
	c := apitest.Serve(t, apitest.Several{Names: []string{"ads-eu", "ads-us"}, Of: map[string]*apitest.Fake{"ads-eu": eu, "ads-us": us}}, api.Options{})
	of := eu.Saved.Finished[0].Source
	out, err := run(t, "try", "--api", c.Base, "--fleet", "ads-us", "--why", "once more", "s3://"+of.Bucket+"/"+of.Key)
	if err != nil || !strings.Contains(out, "WARNING    taken back in ads-eu 2 h") || !strings.Contains(out, " ago: dsp-07 is filtered") {
		t.Errorf("%v: %s", err, out)
	}
}
