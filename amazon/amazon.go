// Package amazon is what controller and tasks have in common about AWS: which
// store they speak to, what buckets they can use, and what AWS's refusals mean.
// Both must find the same store by the same settings, and tell the same fault by
// the same words.
//
// It makes no call by itself, and decides nothing.
package amazon
