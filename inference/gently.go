package inference

import (
	"fmt"
	"runtime"
)

// gently runs do on a thread of its own, behind all others where the system
// allows it, and returns once it has. What breaks in there is an error. The
// thread ends with its goroutine, since it may not raise its priority again.
func gently(do func()) (err error) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if broken := recover(); broken != nil {
				err = fmt.Errorf("it broke: %v", broken)
			}
		}()
		runtime.LockOSThread() // and never unlocked
		lowerPriority()
		do()
	}()
	<-done
	return err
}
