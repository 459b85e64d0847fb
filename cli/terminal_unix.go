//go:build unix

package cli

import (
	"os"
	"os/signal"

	"golang.org/x/sys/unix"
)

// sizeOf is how much a terminal shows; false for what is none.
func sizeOf(file *os.File) (columns, rows int, ok bool) {
	size, err := unix.IoctlGetWinsize(int(file.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, 0, false
	}
	return int(size.Col), int(size.Row), true
}

// resizes tells when the terminal has another size. Stop it afterwards.
func resizes() (told chan os.Signal, stop func()) {
	told = make(chan os.Signal, 1)
	signal.Notify(told, unix.SIGWINCH)
	return told, func() { signal.Stop(told) }
}
