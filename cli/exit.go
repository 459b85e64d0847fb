package cli

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/sluicehq/sluice/api"
)

// The exit codes of the program, as docs/operating.md tells them.
const (
	exitDone        = 0
	exitFailed      = 1   // it did not work, or it ended otherwise than was asked
	exitUsage       = 2   // the command line is wrong
	exitRefused     = 3   // it makes no sense as things stand (409)
	exitUnreachable = 4   // nobody answers at that address
	exitWaitOver    = 5   // the time to wait is over; it goes on without the command
	exitUnknown     = 6   // nobody knows whether the wish is stored
	exitInterrupted = 130 // Ctrl-C broke it off
)

// exitCode is what the process ends with. A command that Ctrl-C is the way to
// end, such as a server, is done when it returns no error.
func exitCode(ctx context.Context, err error) int {
	_, misused := errors.AsType[usageError](err)
	_, waited := errors.AsType[waitOverError](err)
	_, unknown := errors.AsType[*api.UnknownError](err)
	network, _ := errors.AsType[*net.OpError](err)
	switch {
	case err == nil:
		return exitDone
	case misused:
		return exitUsage
	case ctx.Err() != nil:
		return exitInterrupted
	case waited:
		return exitWaitOver
	case unknown:
		return exitUnknown
	case errors.Is(err, api.ErrConflict):
		return exitRefused
	case errors.Is(err, api.ErrUnreachable), network != nil && network.Op == "dial":
		return exitUnreachable
	}
	return exitFailed
}

// usageError is a command line that cannot be carried out.
type usageError struct{ error }

func (e usageError) Unwrap() error { return e.error }

// wrongUsage says what is wrong with a command line.
func wrongUsage(format string, args ...any) error {
	return usageError{fmt.Errorf(format, args...)}
}

// waitOverError says that a wait has ended before what was waited for came.
type waitOverError struct{ error }

func (e waitOverError) Unwrap() error { return e.error }
