package controller

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// rack holds fleet files in memory.
type rack struct {
	mu    sync.Mutex
	files map[string]string
	err   error
	looks int
}

func (s *rack) put(name, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files[name] = body
}

func (s *rack) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = err
}

func (s *rack) List(context.Context) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looks++
	return slices.Sorted(maps.Keys(s.files)), s.err
}

func (s *rack) Read(_ context.Context, name string, _ int) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []byte(s.files[name]), s.err
}

// TestFollower lets files change: what is sound and stays for two looks is taken
// once, and all else is told and changes nothing.
func TestFollower(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		files := &rack{files: map[string]string{"ads.yaml": goodFleet}}
		var log bytes.Buffer
		var taken [][]Fleet
		var refuses error
		metrics := NewMetrics("v1")
		f := &Follower{
			Files: files, Every: 30 * time.Second, Log: slog.New(slog.NewTextHandler(&log, nil)), Metrics: metrics,
			Take: func(_ context.Context, fleets []Fleet) error {
				if refuses == nil {
					taken = append(taken, fleets)
				}
				return refuses
			},
		}
		if fleets, err := f.Begin(t.Context()); err != nil || len(fleets) != 1 {
			t.Fatalf("%v, %v", fleets, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { f.Run(ctx); close(done) }()
		settled := func() { time.Sleep(65 * time.Second); synctest.Wait() }
		bad := func() float64 { return gathered(t, metrics)["sluice_files_bad{}"] }

		settled()
		if len(taken) != 0 || f.Refused() != nil || bad() != 0 {
			t.Fatalf("nothing has changed, and %d were taken: %v", len(taken), f.Refused())
		}
		files.put("ads.yaml", "# a word about it\n"+goodFleet)
		settled()
		if len(taken) != 0 {
			t.Fatal("a comment is a change")
		}
		files.put("ads.yaml", strings.Replace(goodFleet, "settle: 10s", "settle: 20s", 1))
		settled()
		if len(taken) != 1 || taken[0][0].Policies.Default.Settle != 20*time.Second {
			t.Fatalf("a change was not taken once: %+v", taken)
		}
		files.put("ads.yaml", strings.Replace(goodFleet, "settle: 10s", "setle: 30s", 1))
		settled()
		if err := f.Refused(); len(taken) != 1 || err == nil || !strings.Contains(err.Error(), "stays in force: ads.yaml: ") || !strings.Contains(err.Error(), `unknown field "setle"`) || strings.Contains(err.Error(), "\n") {
			t.Fatalf("a file that is wrong: %v", err)
		}
		if bad() != 1 || !strings.Contains(log.String(), "setle") {
			t.Errorf("nobody is told: metric %v, log %s", bad(), log.String())
		}
		files.put("ads.yaml", strings.Replace(goodFleet, "settle: 10s", "settle: 20s", 1)) // as it is in force
		settled()
		if len(taken) != 1 || f.Refused() != nil || bad() != 0 {
			t.Errorf("mended: %d taken, %v", len(taken), f.Refused())
		}
		files.fail(errors.New("S3 is away"))
		settled()
		if err := f.Refused(); err == nil || !strings.Contains(err.Error(), "S3 is away") {
			t.Errorf("files that cannot be read: %v", err)
		}
		files.fail(nil)
		refuses = errors.New("it wants a second person")
		files.put("native.yaml", strings.NewReplacer("fleet: ads", "fleet: native", "service: s", "service: n").Replace(goodFleet))
		settled()
		if err := f.Refused(); err == nil || !strings.Contains(err.Error(), "a second person") {
			t.Errorf("what cannot be put in force: %v", err)
		}
		refuses = nil
		settled()
		if len(taken) != 2 || len(taken[1]) != 2 || f.Refused() != nil {
			t.Errorf("tried again: %d taken, %v", len(taken), f.Refused())
		}
		stop()
		<-done
		if most := int(time.Duration(8) * 65 * time.Second / f.Every * 2); files.looks > most {
			t.Errorf("%d looks, want %d at most", files.looks, most)
		}
	})
}

// TestFollowerWaitsForTheWriter takes nothing while a file is being written.
func TestFollowerWaitsForTheWriter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		whole := strings.Replace(goodFleet, "settle: 10s", "settle: 20s", 1)
		files := &rack{files: map[string]string{"ads.yaml": goodFleet}}
		var taken [][]Fleet
		f := &Follower{Files: files, Every: time.Second, Log: slog.New(slog.DiscardHandler), Take: func(_ context.Context, fleets []Fleet) error {
			taken = append(taken, fleets)
			return nil
		}}
		if _, err := f.Begin(t.Context()); err != nil {
			t.Fatal(err)
		}
		torn, _, _ := strings.Cut(whole, "policy:") // a fleet file all the same, with the defaults
		for _, body := range []string{torn, whole, whole} {
			files.put("ads.yaml", body)
			f.look(t.Context())
		}
		if len(taken) != 1 || taken[0][0].Policies.Default.Settle != 20*time.Second {
			t.Errorf("taken: %+v", taken)
		}
	})
}
