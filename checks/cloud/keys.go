package cloud

// Key is a kind of object in the bucket of the control plane.
type Key struct {
	Pattern string // of path.Match
	Example string
	Expiry  Expiry // what the bucket's rules must do with it
	Why     string
}

// Keys are all that controllers write, and sluice doctor. Tasks write nothing.
func Keys(fleet string) []Key {
	of := "fleets/" + fleet + "/"
	day, forever := Expiry{Earlier: 1}, Expiry{}
	return []Key{
		{"lease.json", "lease.json", day, "it is written some 1,000 times an hour"},
		{"freeze.json", "freeze.json", Expiry{Earlier: 30}, "a stop of all fleets, seldom written"},
		{"audit/*", "audit/8999", forever, "the trail is for ever, and so is what somebody put over it"},
		{"releases/newest.json", "releases/newest.json", day, "an index, made anew from what it names"},
		{"releases/sha256/*/model.tar.gz", "releases/sha256/00/model.tar.gz", forever, "a release is for ever"},
		{"releases/sha256/*/passport.json", "releases/sha256/00/passport.json", forever, "a release is for ever"},
		{of + "state.json", of + "state.json", Expiry{Earlier: 30}, "an earlier version is restored after damage"},
		{of + "look.json", of + "look.json", day, "it is written some 700 times an hour"},
		{of + "newest.json", of + "newest.json", day, "an index, made anew from what it names"},
		{of + "silence.json", of + "silence.json", day, "only the last one counts"},
		{of + "told/*.json", of + "told/oncall.json", Expiry{Earlier: 7}, "without it receivers miss what happened"},
		{of + "rollouts/*.json", of + "rollouts/greedy.json", forever, "history is for ever"},
		{of + "doctor/*", of + "doctor/ABC", Expiry{Earlier: 1, Current: 1}, "a probe that could not be deleted"},
		{of + "looks/*/*", of + "looks/greedy/000001", Expiry{Earlier: 7}, "the last chunk of a log is written again and again; the log is for ever"},
		{of + "judge/*.json.gz", of + "judge/greedy.json.gz", Expiry{Earlier: 1, Current: 90}, "a checkpoint is written with every look, and of no use once its rollout has ended"},
	}
}
