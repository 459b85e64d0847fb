package identity

import "time"

// LookNow makes the keeper look at its files when it is asked next.
func LookNow(k *Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked = time.Time{}
}
