//go:build !linux

package prefetch

// Huge does nothing on this system.
func Huge(int64) {}
