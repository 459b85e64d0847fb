package aws

import (
	"errors"
	"net/http"

	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
)

// Codes that a caller here branches on.
const (
	codeConflict     = "ConditionalRequestConflict"
	codePrecondition = "PreconditionFailed"
)

// errNotS3 means that something else than S3 said yes: what it said has no
// ETag, or no bucket.
var errNotS3 = errors.New("the answer is none of AWS's: check --endpoint")

// place is what a call was about.
type place = amazon.Place

// explain makes a sentence of an error of the SDK.
func explain(doing string, at place, err error) error {
	if held := heldBack(err); held != nil {
		err = held
	}
	return amazon.Explain(doing, at, err)
}

// code is the word with which a service refused, empty when none did.
func code(err error) string { return amazon.Code(err) }

// missing reports whether a call on an object found no such object.
func missing(err error) bool { return amazon.Missing(err) }

// unavailable reports whether err speaks of the service or the way to it, and
// not of the one thing that was asked about.
func unavailable(err error) bool {
	var api smithy.APIError
	var answer *awshttp.ResponseError
	if !errors.As(err, &api) || errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return true
	}
	return api.ErrorFault() == smithy.FaultServer || amazon.Throttled(api)
}
