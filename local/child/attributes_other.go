//go:build !linux

package child

import "syscall"

// Attributes keep the terminal's Ctrl-C for us. Children outlive us here when
// we are killed.
func Attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
