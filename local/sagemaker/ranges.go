package sagemaker

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"
)

// checkRanges says what is wrong with the hyperparameters to try and with how
// many of them are to be.
func checkRanges(config *types.HyperParameterTuningJobConfig, r types.ParameterRanges) error {
	grid := config.Strategy == types.HyperParameterTuningJobStrategyTypeGrid
	for _, c := range r.CategoricalParameterRanges {
		if len(c.Values) == 0 {
			return validation("The categorical range of %s has no values.", aws.ToString(c.Name))
		}
	}
	for _, n := range numbers(r) {
		switch {
		case grid:
			return validation("Grid tries categorical ranges only; %s has another.", n.name)
		case n.err != nil || n.low > n.high || n.logarithmic && n.low <= 0:
			return validation("The range of %s must go from one number to a larger one, and above zero where it is logarithmic.", n.name)
		}
	}
	most, all := config.ResourceLimits.MaxNumberOfTrainingJobs, combinations(r)
	switch {
	case grid && all > maxChildren:
		return validation("The grid has more than %d combinations.", maxChildren)
	case grid && most != nil && int(*most) != all:
		return validation("MaxNumberOfTrainingJobs must be %d, the number of combinations of the grid, or be left out; it is %d.", all, *most)
	case !grid && (most == nil || *most < 1 || *most > maxChildren):
		return validation("MaxNumberOfTrainingJobs must be between 1 and %d.", maxChildren)
	}
	return nil
}

// planned is how many training jobs a tuning job begins.
func planned(config *types.HyperParameterTuningJobConfig, r types.ParameterRanges) int {
	if config.Strategy == types.HyperParameterTuningJobStrategyTypeGrid {
		return combinations(r)
	}
	return int(aws.ToInt32(config.ResourceLimits.MaxNumberOfTrainingJobs))
}

// combinations is the size of a grid, up to one beyond the bound.
func combinations(r types.ParameterRanges) int {
	all := 1
	for _, c := range r.CategoricalParameterRanges {
		all = min(all*len(c.Values), maxChildren+1)
	}
	return all
}

// number is a range of numbers.
type number struct {
	name                          string
	low, high                     float64
	integer, logarithmic, reverse bool
	err                           error
}

func numbers(r types.ParameterRanges) (all []number) {
	add := func(name, low, high *string, scaling types.HyperParameterScalingType, integer bool) {
		n := number{
			name: aws.ToString(name), integer: integer,
			logarithmic: scaling == types.HyperParameterScalingTypeLogarithmic, reverse: scaling == types.HyperParameterScalingTypeReverseLogarithmic,
		}
		var err error
		n.low, n.err = strconv.ParseFloat(aws.ToString(low), 64)
		if n.high, err = strconv.ParseFloat(aws.ToString(high), 64); err != nil {
			n.err = err
		}
		all = append(all, n)
	}
	for _, c := range r.ContinuousParameterRanges {
		add(c.Name, c.MinValue, c.MaxValue, c.ScalingType, false)
	}
	for _, i := range r.IntegerParameterRanges {
		add(i.Name, i.MinValue, i.MaxValue, i.ScalingType, true)
	}
	return all
}

// pick is a value of the range, by a share from 0 to 1.
func (n number) pick(share float64) string {
	low, high := n.low, n.high
	if n.integer {
		high++ // each whole number has as much room
	}
	value := low + share*(high-low)
	switch {
	case n.logarithmic:
		value = math.Exp(math.Log(low) + share*(math.Log(high)-math.Log(low)))
	case n.reverse && high < 1:
		value = 1 - math.Exp(math.Log(1-low)+share*(math.Log(1-high)-math.Log(1-low)))
	}
	if n.integer {
		return strconv.FormatInt(int64(min(math.Floor(value), n.high)), 10)
	}
	return strconv.FormatFloat(value, 'g', -1, 64)
}

// tuned are the hyperparameters of the training job of that number. It tries the
// same whenever it is asked.
func tuned(t *tuning, child int) map[string]string {
	config := t.HyperParameterTuningJobConfig
	r := rangesOf(config, t.TrainingJobDefinition)
	values := map[string]string{}
	if config.Strategy == types.HyperParameterTuningJobStrategyTypeGrid {
		for _, c := range slices.Backward(r.CategoricalParameterRanges) {
			values[*c.Name] = c.Values[child%len(c.Values)]
			child /= len(c.Values)
		}
		return values
	}
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(*t.HyperParameterTuningJobName)) // never fails
	if config.RandomSeed != nil {
		seed = fnv.New64a()
		_, _ = seed.Write([]byte(strconv.Itoa(int(*config.RandomSeed))))
	}
	dice := rand.New(rand.NewPCG(seed.Sum64(), uint64(child))) //nolint:gosec // to try values, not to hide any
	for _, c := range r.CategoricalParameterRanges {
		values[*c.Name] = c.Values[dice.IntN(len(c.Values))]
	}
	for _, n := range numbers(r) {
		values[n.name] = n.pick(dice.Float64())
	}
	return values
}
