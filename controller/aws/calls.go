package aws

import (
	"context"
	"errors"
	"time"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/middleware"

	"github.com/sluicehq/sluice/amazon"
)

// Call is one call of AWS, with all its attempts.
type Call struct {
	Service   string // as the SDK names it: S3, ECS, SageMaker
	Operation string
	Result    Result
	Attempts  int           // that were sent; 0 where it was given up before
	Took      time.Duration // until the answer's head; what reading a body takes is not in it
}

// Result says in one word what became of a call.
type Result string

// The results.
const (
	OK        Result = "ok"
	NotFound  Result = "not_found" // which an answer may well be
	Stale     Result = "stale"     // somebody else wrote first
	Throttled Result = "throttled"
	HeldBack  Result = "held_back" // not made, for want of a quota
	Denied    Result = "denied"    // also where the credentials are unknown or have expired
	Timeout   Result = "timeout"
	Canceled  Result = "canceled" // nobody waits for it any more
	Failed    Result = "failed"
)

// watch tells of every call as it ends.
func watch(called func(Call)) func(*middleware.Stack) error {
	return func(stack *middleware.Stack) error {
		return stack.Initialize.Add(middleware.InitializeMiddlewareFunc("sluiceCalls", func(
			ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler,
		) (middleware.InitializeOutput, middleware.Metadata, error) {
			began := time.Now()
			out, told, err := next.HandleInitialize(ctx, in)
			attempts, _ := retry.GetAttemptResults(told)
			sent := len(attempts.Results)
			if heldBack(err) != nil {
				sent--
			}
			called(Call{
				Service: awsmiddleware.GetServiceID(ctx), Operation: awsmiddleware.GetOperationName(ctx),
				Result: resultOf(err), Attempts: max(sent, 0), Took: time.Since(began),
			})
			return out, told, err
		}), middleware.After) // the SDK has said by then which call it is
	}
}

func resultOf(err error) Result {
	var api smithy.APIError
	switch {
	case err == nil:
		return OK
	case heldBack(err) != nil:
		return HeldBack
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	case amazon.Unknown(err):
		return Denied
	case !errors.As(err, &api):
		return Failed
	case amazon.Throttled(api):
		return Throttled
	case missing(err):
		return NotFound
	case amazon.Denied(api):
		return Denied
	}
	switch api.ErrorCode() {
	case codeConflict, codePrecondition:
		return Stale
	}
	return Failed
}
