package aws_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/controller"
	"github.com/sluicehq/sluice/controller/aws"
	"github.com/sluicehq/sluice/inference/release/releasetest"
)

func fleetFiles(t *testing.T, c *aws.Client, address string) *aws.FleetFiles {
	t.Helper()
	files, err := c.FleetFiles(address)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// TestFleetFilesAreFetchedOnce asks S3 once for every look at files that have
// not changed, and fetches what has.
func TestFleetFilesAreFetchedOnce(t *testing.T) {
	t.Parallel()
	endpoint := localS3(t, nil)
	b := bucket(t, endpoint, "declared", true)
	var mu sync.Mutex
	var calls []string
	o := options(endpoint)
	o.Called = func(c aws.Call) {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c.Operation)
	}
	client, err := aws.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	fleet := func(name string) string {
		return fmt.Sprintf("fleet: %s\njobs: [a]\necs: {cluster: c, service: %s}\nadmission: {manifest: manifest.json}\n", name, name)
	}
	manifest, err := json.Marshal(releasetest.Manifest(0))
	if err != nil {
		t.Fatal(err)
	}
	const folder, one = "s3://declared/fleets/", "s3://declared/fleets/ads.yaml"
	b.Write(t, "fleets/ads.yaml", []byte(fleet("ads")))
	b.Write(t, "fleets/more/native.yaml", []byte(strings.ReplaceAll(fleet("native"), "manifest.json", "../manifest.json")))
	b.Write(t, "fleets/ads.yaml.old", []byte("nobody reads it"))
	b.Write(t, "fleets/manifest.json", manifest)
	look := func(files controller.FleetFiles, fleets int, want ...string) {
		t.Helper()
		calls = nil
		found, err := controller.ReadFleets(t.Context(), files)
		if err != nil || len(found) != fleets {
			t.Fatalf("%d fleets: %v", len(found), err)
		}
		if !slices.Equal(calls, want) {
			t.Errorf("it called %v, want %v", calls, want)
		}
	}
	files := fleetFiles(t, client, folder)
	look(files, 2, "ListObjectsV2", "GetObject", "GetObject", "GetObject")
	look(files, 2, "ListObjectsV2")
	b.Write(t, "fleets/ads.yaml", []byte(fleet("ads2")))
	look(files, 2, "ListObjectsV2", "GetObject")
	look(files, 2, "ListObjectsV2")
	b.Write(t, "fleets/manifest.json", append(manifest, '\n'))
	look(files, 2, "ListObjectsV2", "GetObject")
	b.Delete(t, "fleets/ads.yaml")
	look(files, 1, "ListObjectsV2")
	b.Write(t, "fleets/ads.yaml", []byte(fleet("ads")))
	look(fleetFiles(t, client, one), 1, "ListObjectsV2", "GetObject", "GetObject") // what lies beside one object is in no listing
}

// TestFleetFilesAreNotThere says what is missing, and what to name instead.
func TestFleetFilesAreNotThere(t *testing.T) {
	t.Parallel()
	endpoint := localS3(t, nil)
	b := bucket(t, endpoint, "declared", true)
	for i := range 1001 {
		b.Write(t, fmt.Sprintf("many/%d.json", i), nil)
	}
	client := open(t, endpoint)
	for address, says := range map[string]string{
		"s3://declared/none.yaml": "there is no s3://declared/none.yaml: name an object, or with a slash",
		"s3://declared/man":       "there is no s3://declared/man",
		"s3://declared/none/":     "no *.yaml object lies in s3://declared/none/",
		"s3://declared/many/":     "more than 1000 objects lie in",
		"s3://nobodys/fleets/":    "list the fleet files: ",
	} {
		if names, err := fleetFiles(t, client, address).List(t.Context()); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, %v: want %q", address, names, err, says)
		}
	}
	for address, says := range map[string]string{
		"s3://X":                       "is no S3 address",
		"s3://models--use1-az4--x-s3/": "directory bucket",
	} {
		if _, err := client.FleetFiles(address); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", address, err, says)
		}
	}
}
