package child

import "syscall"

// Attributes let a child die with us, also when we are killed, and keep the
// terminal's Ctrl-C for us. The thread that starts the child must live as
// long as the child may: lock the goroutine to it.
func Attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
}
