package identity

import "time"

// LookNow makes the keeper look at its files when it is asked next.
func LookNow(k *Keeper) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looked = time.Time{}
}

// LookAgain makes People look at their file when they are asked next.
func LookAgain(p *People) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = time.Time{}
}
