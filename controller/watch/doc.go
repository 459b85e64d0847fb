// Package watch measures what tasks say of themselves, look after look: how
// many auctions they answer, how many of them a candidate was exposed to, what
// requests took before anything was tried, and what swaps cost them. It only
// measures: what is too much is the word of packages judge and rollout.
package watch
