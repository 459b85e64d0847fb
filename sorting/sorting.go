// Package sorting sorts lists of structs. Package slices sorts as well, but is
// compiled anew for every type, some 15 kB each; here one sort does for all, and
// no struct is copied to be compared. Strings, numbers and pointers share what
// is compiled, and are sorted by package slices.
package sorting

import "sort"

// By sorts a list as slices.SortFunc does.
func By[T any](list []T, compare func(a, b *T) int) {
	sort.Slice(list, func(i, j int) bool { return compare(&list[i], &list[j]) < 0 })
}

// StableBy sorts a list as slices.SortStableFunc does.
func StableBy[T any](list []T, compare func(a, b *T) int) {
	sort.SliceStable(list, func(i, j int) bool { return compare(&list[i], &list[j]) < 0 })
}
