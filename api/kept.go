package api

import "sync"

// How much of what is over is remembered, some 1 KiB each.
const (
	rowsKept      = 16 << 10
	passportsKept = 4 << 10
)

// kept remembers what never changes, up to a bound.
type kept[T any] struct {
	most int
	mu   sync.Mutex
	of   map[string]T
}

func newKept[T any](most int) *kept[T] { return &kept[T]{most: most, of: map[string]T{}} }

func (k *kept[T]) get(key string) (T, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	v, is := k.of[key]
	return v, is
}

func (k *kept[T]) put(key string, v T) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if len(k.of) >= k.most {
		clear(k.of)
	}
	k.of[key] = v
}
