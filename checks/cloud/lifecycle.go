package cloud

import "strings"

// Expiry is what a bucket's rules do to a key: after how many days earlier
// versions go, and the object itself; 0 is never.
type Expiry struct{ Earlier, Current int }

// ExpiryOf returns what becomes of a key. Where rules meet, the sooner one
// counts, as in S3.
func ExpiryOf(bucket Resource, key string) (e Expiry) {
	sooner := func(days *int, v any) {
		if n, is := number(v); is && n > 0 && (*days == 0 || n < *days) {
			*days = n
		}
	}
	for _, rule := range items(at(bucket.Properties, "LifecycleConfiguration", "Rules")) {
		if text(at(rule, "Status")) == "Enabled" && strings.HasPrefix(key, text(at(rule, "Prefix"))) {
			sooner(&e.Earlier, at(rule, "NoncurrentVersionExpiration", "NoncurrentDays"))
			sooner(&e.Current, at(rule, "ExpirationInDays"))
		}
	}
	return e
}
