package world

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sluicehq/sluice/inference/feature"
)

// The contracts in deploy read what their field filters by, and most of it is
// said by the auctions of this world.
func TestExampleContracts(t *testing.T) {
	const auctions = 400
	var log bytes.Buffer
	if err := New(1).WriteLog(&log, 0, auctions); err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("../../../deploy/contracts/*.json")
	if err != nil || len(paths) != 2 {
		t.Fatalf("%q, %v", paths, err)
	}
	silent := map[string]bool{ // in this world
		"imp.deals": true, "imp.private_auction": true, "video.maxduration": true, "video.plcmt": true, "video.startdelay": true, "video.skip": true,
		"user.eids": true, "regs.gdpr": true, "regs.coppa": true, "source.schain.nodes": true,
	}
	for _, path := range paths {
		body, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		var c feature.Contract
		strict := json.NewDecoder(bytes.NewReader(body))
		strict.DisallowUnknownFields()
		if err := strict.Decode(&c); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if f := c.Features[0]; strings.Join(f.Vocabulary, " ") != strings.Join(partnerNames(), " ") {
			t.Errorf("%s: %s knows %q", path, f.Name, f.Vocabulary)
		}
		var out bytes.Buffer
		did, err := feature.Rows(&out, bytes.NewReader(log.Bytes()), c, feature.Reading{Strict: true})
		if err != nil || did.Rows != auctions*PartnersPerAuction {
			t.Fatalf("%s: %+v, %v", path, did, err)
		}
		values := make([]map[float32]bool, len(c.Features))
		file, size := out.Bytes(), 16+4*len(c.Features)
		for b := file[bytes.IndexByte(file, '\n')+1 : binary.LittleEndian.Uint64(file[len(file)-8:])]; len(b) > 0; b = b[size:] {
			for i := range values {
				if values[i] == nil {
					values[i] = map[float32]bool{}
				}
				if v := math.Float32frombits(binary.LittleEndian.Uint32(b[16+4*i:])); v == v {
					values[i][v] = true
				}
			}
		}
		for i, f := range c.Features {
			if f.Name == "ua.browser" && len(values[i]) == 1 {
				continue // everybody here has the same
			}
			known := strings.HasSuffix(f.Name, ".known") || strings.HasPrefix(f.Name, "imp.any.") // which say that there is none, too
			if n := len(values[i]); (n > 1) == silent[f.Name] && !known || known && n == 0 {
				t.Errorf("%s: %s has %d values", path, f.Name, n)
			}
		}
	}
}
