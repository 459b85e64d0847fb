package model

// MaxMembers bounds an ensemble.
const MaxMembers = 64

// Ensemble returns the model that answers with the mean of the members'
// scores, or with the vote of most where scores are 0 or 1, as SageMaker's
// server does with the models of a k-fold training. Its margin is the mean of
// the members' margins. Every error is a Refusal.
func Ensemble(members []*Model) (*Model, error) {
	if len(members) == 0 || len(members) > MaxMembers {
		return nil, refuse(TooLarge, "the ensemble has %d models, 1 to %d are allowed; train with fewer folds", len(members), MaxMembers)
	}
	if len(members) == 1 {
		return members[0], nil
	}
	first := members[0]
	m := &Model{
		format: first.format, version: first.version, objective: first.objective, link: first.link,
		features: first.features, names: first.names, missing: first.missing, members: members,
	}
	for i, other := range members {
		if other.features != first.features || other.objective != first.objective {
			return nil, refuse(Format, "model %d reads %d features for %s, model 0 reads %d for %s; pack the folds of one training",
				i, other.features, other.objective, first.features, first.objective)
		}
		if other.missing != first.missing {
			return nil, refuse(Format, "model %d takes %s for missing, model 0 %s; pack the folds of one training", i, other.missing, first.missing)
		}
		m.trained += other.trained
	}
	return m, nil
}

// Members returns the models that an ensemble asks, or nil.
func (m *Model) Members() []*Model { return m.members }

// Votes tells whether the models of an ensemble answer by what most of them say.
func (m *Model) Votes() bool { return m.members != nil && m.link == step }

// mean adds in float32, as NumPy does.
func (m *Model) mean(of func(*Model, []float32) float32, x []float32) float32 {
	sum := float32(0)
	for _, member := range m.members {
		sum += of(member, x)
	}
	return sum / float32(len(m.members))
}

func (m *Model) ensembleScore(x []float32) float32 {
	return vote(m.link, m.mean((*Model).Score, x))
}

// vote makes the mean of scores that are 0 or 1 one of the two.
func vote(l link, mean float32) float32 {
	if l != step || mean != mean {
		return mean
	}
	if mean > 0.5 { // a tie is 0
		return 1
	}
	return 0
}
