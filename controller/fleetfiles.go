package controller

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/sluicehq/sluice/content"
)

// Bounds on what people declare.
const (
	maxFleetFile    = 1 << 20
	maxManifestFile = 64 << 20
	maxFleetFiles   = 1000
)

// S3Prefix begins the names of places and files in S3.
const S3Prefix = "s3://"

// Disk is a place of this machine: a folder, a file, or a variable of the
// environment (package content).
type Disk string

var _ FleetFiles = Disk("")

// List implements FleetFiles.
func (d Disk) List(context.Context) ([]string, error) {
	files, place := []string{string(d)}, string(d)
	if content.IsVariable(place) {
		return files, nil
	}
	if info, err := os.Stat(place); err != nil {
		return nil, fmt.Errorf("read the fleet file: %w; name a file or folder with --fleets", err)
	} else if info.IsDir() {
		files, _ = filepath.Glob(filepath.Join(place, "*.yaml")) // the pattern is fine
	}
	switch {
	case len(files) == 0:
		return nil, errors.New(place + " has no *.yaml file: write one per fleet, or name another folder with --fleets")
	case len(files) > maxFleetFiles:
		return nil, fmt.Errorf("%s has more than %d fleet files: leave some to other controllers, in folders of their own", place, maxFleetFiles)
	}
	return files, nil
}

// Read implements FleetFiles.
func (Disk) Read(_ context.Context, name string, limit int) ([]byte, error) {
	if strings.HasPrefix(name, S3Prefix) {
		return nil, fmt.Errorf("%s is in S3, and the fleet file is not: put both in one place", name)
	}
	return content.Read(name, limit)
}

// beside is what a name in a fleet file stands for: a variable, a whole path, or
// else what lies beside the fleet file.
func beside(file, name string) (string, error) {
	switch {
	case content.IsVariable(name), filepath.IsAbs(name), strings.HasPrefix(name, S3Prefix):
		return name, nil
	case content.IsVariable(file):
		return "", fmt.Errorf("%s lies beside nothing, as the fleet file is a variable: name a variable, such as env:NAME, or a whole path", name)
	case strings.HasPrefix(file, S3Prefix):
		return S3Prefix + path.Join(path.Dir(strings.TrimPrefix(file, S3Prefix)), name), nil
	}
	return filepath.Join(filepath.Dir(file), name), nil
}

// secretBeside is the same of a secret, which is not read from S3.
func secretBeside(file, name string) (string, error) {
	found, err := beside(file, name)
	if err == nil && strings.HasPrefix(found, S3Prefix) {
		err = fmt.Errorf("%s would lie in S3, from where no secret is read: name a variable, such as env:NAME, or a whole path", name)
	}
	return found, err
}
