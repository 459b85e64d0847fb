//go:build !linux

package inference

// lowerPriority does nothing where threads have no priority of their own.
func lowerPriority() {}
