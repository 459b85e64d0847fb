package simulation

// A Notebook keeps the result of every game as soon as it is played, so that
// hours of play can be broken off and gone on with.
type Notebook interface {
	// Turn begins the next chapter, which has a number.
	Turn() int
	// Recall reports whether a game's result is known, and reads it.
	Recall(chapter, game int, result any) bool
	// Keep notes a game's result. Many do so at once.
	Keep(chapter, game int, result any) error
}

// played plays games on all processors, but for those whose result the notebook
// has, and passes every result on, many at once. Its calls must come in the same
// order in every run. The error is one of a game or of the notebook. A nil
// notebook knows nothing.
func played[T any](n Notebook, games int, play func(i int) (T, error), take func(i int, result T)) error {
	chapter, errs := 0, make([]error, games)
	if n != nil {
		chapter = n.Turn()
	}
	parallel(games, func(i int) {
		var result T
		if n == nil || !n.Recall(chapter, i, &result) {
			if result, errs[i] = play(i); n != nil && errs[i] == nil {
				errs[i] = n.Keep(chapter, i, result)
			}
		}
		if errs[i] == nil {
			take(i, result)
		}
	})
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
