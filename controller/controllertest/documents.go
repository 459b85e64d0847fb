// Package controllertest holds what every adapter of the controller must do,
// as tests that take the adapter. It knows no adapter itself and is used by
// tests only.
package controllertest

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/sluicehq/sluice/controller"
)

// Documents checks the promises of controller.Documents. open returns handles
// on the same, empty store, as several controllers have them.
func Documents(t *testing.T, open func() controller.Documents) {
	t.Run("missing", func(t *testing.T) { documentMissing(t, open()) })
	t.Run("create once", func(t *testing.T) { documentCreate(t, open()) })
	t.Run("replace what was read", func(t *testing.T) { documentCompareAndSwap(t, open()) })
	t.Run("replace whatever is there", func(t *testing.T) { documentReplace(t, open()) })
	t.Run("bodies", func(t *testing.T) { documentBodies(t, open()) })
	t.Run("list newest first", func(t *testing.T) { documentList(t, open()) })
	t.Run("list in order", func(t *testing.T) { documentAfter(t, open()) })
	t.Run("one writer wins", func(t *testing.T) { documentRace(t, open) })
	t.Run("one creator wins", func(t *testing.T) { documentCreationRace(t, open) })
}

func documentMissing(t *testing.T, d controller.Documents) {
	if _, _, err := d.Get(t.Context(), "missing/none.json"); !errors.Is(err, controller.ErrNotFound) {
		t.Errorf("get: %v, want ErrNotFound", err)
	}
	if _, err := d.Put(t.Context(), "missing/none.json", []byte("x"), `"00000000000000000000000000000000"`); !errors.Is(err, controller.ErrStale) {
		t.Errorf("put over nothing: %v, want ErrStale", err)
	}
	if keys, err := d.List(t.Context(), "missing/", 10); err != nil || len(keys) != 0 {
		t.Errorf("list: %v, %v, want nothing", keys, err)
	}
}

func documentCreate(t *testing.T, d controller.Documents) {
	etag := put(t, d, "create/a.json", "one", "")
	if _, err := d.Put(t.Context(), "create/a.json", []byte("two"), ""); !errors.Is(err, controller.ErrStale) {
		t.Errorf("create again: %v, want ErrStale", err)
	}
	if _, err := d.Put(t.Context(), "create/a.json", []byte("one"), ""); !errors.Is(err, controller.ErrStale) {
		t.Errorf("create again with the same bytes: %v, want ErrStale", err)
	}
	want(t, d, "create/a.json", "one", etag)
}

func documentCompareAndSwap(t *testing.T, d controller.Documents) {
	first := put(t, d, "swap/a.json", "one", "")
	second := put(t, d, "swap/a.json", "two", first)
	if first == second {
		t.Fatalf("two contents share the ETag %s", first)
	}
	want(t, d, "swap/a.json", "two", second)
	if _, err := d.Put(t.Context(), "swap/a.json", []byte("three"), first); !errors.Is(err, controller.ErrStale) {
		t.Errorf("put over an old ETag: %v, want ErrStale", err)
	}
	want(t, d, "swap/a.json", "two", second)
}

func documentReplace(t *testing.T, d controller.Documents) {
	for _, body := range []string{"one", "two"} {
		if err := d.Replace(t.Context(), "replace/a.json", []byte(body)); err != nil {
			t.Fatalf("replace: %v", err)
		}
		_, etag, err := d.Get(t.Context(), "replace/a.json")
		if err != nil {
			t.Fatalf("get: %v", err)
		}
		want(t, d, "replace/a.json", body, etag)
	}
}

func documentBodies(t *testing.T, d controller.Documents) {
	for name, body := range map[string][]byte{
		"empty":                 {},
		"binary":                {0, 255, '\r', '\n', 0},
		"large":                 bytes.Repeat([]byte("0123456789abcdef"), 1<<16),
		"with a space, é and +": []byte("x"),
	} {
		etag := put(t, d, "bodies/"+name, string(body), "")
		want(t, d, "bodies/"+name, string(body), etag)
	}
}

func documentList(t *testing.T, d controller.Documents) {
	put(t, d, "listed-not/a", "x", "")
	var keys []string
	for i := range 12 {
		keys = append(keys, fmt.Sprintf("listed/%02d", i))
		put(t, d, keys[i], "x", "")
	}
	slices.Reverse(keys) // by name where the seconds are the same
	for _, limit := range []int{0, 1, 5, 12, 100} {
		got, err := d.List(t.Context(), "listed/", limit)
		if err != nil || !slices.Equal(got, keys[:min(limit, len(keys))]) {
			t.Errorf("list %d: %v, %v, want %v", limit, got, err, keys[:min(limit, len(keys))])
		}
	}
}

func documentAfter(t *testing.T, d controller.Documents) {
	var keys []string
	// No name is a folder of another: where objects are files, it cannot be.
	for _, name := range []string{"b", "a", "d/e", "d-", "c", "Z"} {
		put(t, d, "ordered/"+name, "x", "")
		keys = append(keys, "ordered/"+name)
	}
	put(t, d, "ordered-not/a", "x", "")
	slices.Sort(keys)
	for _, limit := range []int{0, 1, 3, 6, 100} {
		for i, after := range append([]string{""}, keys...) {
			want := keys[i:min(len(keys), i+limit)]
			got, err := d.After(t.Context(), "ordered/", after, limit)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("%d after %q: %v, %v, want %v", limit, after, got, err, want)
			}
		}
	}
	if got, err := d.After(t.Context(), "ordered/", "ordered/bb", 1); err != nil || len(got) != 1 || got[0] != "ordered/c" {
		t.Errorf("after a key that is not there: %v, %v", got, err)
	}
}

const (
	writers = 16
	rounds  = 6
)

// documentRace lets many controllers replace the same version, all with the
// same bytes, which must not make two of them believe that they have won.
func documentRace(t *testing.T, open func() controller.Documents) {
	etag := put(t, open(), "race/a.json", "start", "")
	for round := range rounds {
		body := fmt.Sprintf("round %d", round)
		winners := race(t, open, func(d controller.Documents) (string, error) {
			return d.Put(t.Context(), "race/a.json", []byte(body), etag)
		})
		if len(winners) != 1 {
			t.Fatalf("round %d: %d of %d writers won", round, len(winners), writers)
		}
		etag = winners[0]
		want(t, open(), "race/a.json", body, etag)
	}
}

func documentCreationRace(t *testing.T, open func() controller.Documents) {
	for round := range rounds {
		key := fmt.Sprintf("creation-race/%d.json", round)
		winners := race(t, open, func(d controller.Documents) (string, error) {
			return d.Put(t.Context(), key, []byte(key), "")
		})
		if len(winners) != 1 {
			t.Fatalf("round %d: %d of %d creators won", round, len(winners), writers)
		}
		want(t, open(), key, key, winners[0])
	}
}

// race returns the ETags of those who won.
func race(t *testing.T, open func() controller.Documents, write func(controller.Documents) (string, error)) []string {
	t.Helper()
	var mu sync.Mutex
	var winners []string
	var all sync.WaitGroup
	start := make(chan struct{})
	for range writers {
		d := open()
		all.Go(func() {
			<-start
			etag, err := write(d)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				winners = append(winners, etag)
			case !errors.Is(err, controller.ErrStale):
				t.Errorf("lose: %v, want ErrStale", err)
			}
		})
	}
	close(start)
	all.Wait()
	return winners
}

func put(t *testing.T, d controller.Documents, key, body, etag string) string {
	t.Helper()
	got, err := d.Put(t.Context(), key, []byte(body), etag)
	if err != nil || got == "" {
		t.Fatalf("put %s: ETag %q, %v", key, got, err)
	}
	return got
}

func want(t *testing.T, d controller.Documents, key, body, etag string) {
	t.Helper()
	got, gotEtag, err := d.Get(t.Context(), key)
	if err != nil || string(got) != body || gotEtag != etag {
		t.Fatalf("get %s: %.20q, ETag %s, %v; want %.20q, ETag %s", key, got, gotEtag, err, body, etag)
	}
}
