package aws

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/controller"
)

// Codes that a caller here branches on.
const (
	codeConflict     = "ConditionalRequestConflict"
	codePrecondition = "PreconditionFailed"
)

// errNotS3 means that something else than S3 said yes: what it said has no
// ETag, or no bucket.
var errNotS3 = errors.New("the answer is none of AWS's: check --endpoint")

// fault is an error of AWS in words for a person. What the SDK said is
// underneath.
type fault struct {
	doing, says string
	err         error
}

func (f *fault) Error() string { return f.doing + ": " + f.says }
func (f *fault) Unwrap() error { return f.err }

// place is what a call was about, to name in an error.
type place struct {
	bucket, key, version string
	given                bool // by a training job or a person: an artifact, and no document of ours
	cluster, service     string
}

func (p place) String() string {
	switch {
	case p.bucket != "":
		return "s3://" + p.bucket + "/" + p.key
	case p.service != "":
		return fmt.Sprintf("ECS service %q of cluster %q", p.service, p.cluster)
	case p.cluster != "":
		return fmt.Sprintf("ECS cluster %q", p.cluster)
	default:
		return "the training jobs"
	}
}

// explain is the one place where errors of the SDK become sentences that name
// the thing and the way out.
func explain(doing string, at place, err error) error {
	if err == nil {
		return nil
	}
	return &fault{doing: doing, says: sentence(at, err), err: err}
}

func sentence(at place, err error) string {
	if errors.Is(err, context.Canceled) {
		return context.Canceled.Error()
	}
	if says := credentialSentence(err); says != "" {
		return says
	}
	var api smithy.APIError
	if errors.As(err, &api) {
		return apiSentence(at, api, err)
	}
	return transportSentence(err)
}

// apiSentence speaks of what a service answered.
func apiSentence(at place, api smithy.APIError, err error) string {
	if throttled(api) {
		return fmt.Sprintf("AWS asks to slow down (%s): it is tried again in the next pass; if this stays, poll less often or ask AWS for a higher limit", api.ErrorCode())
	}
	if says := artifactSentence(at, api); says != "" {
		return fmt.Sprintf("%s (AWS says %s)", says, words(api))
	}
	switch api.ErrorCode() {
	case "NoSuchBucket":
		return fmt.Sprintf("bucket %q does not exist: create it or set --bucket", at.bucket)
	case "InvalidBucketName":
		return fmt.Sprintf("%q is no name for a bucket: set --bucket", at.bucket)
	case "NoSuchKey", "NotFound", "NoSuchVersion":
		return controller.ErrNotFound.Error()
	case "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled", "UnauthorizedOperation":
		return fmt.Sprintf("access to %v is denied: %s", at, permission(at, err))
	case "PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "TemporaryRedirect":
		return fmt.Sprintf("bucket %q is in another region: set --region to the one it is in", at.bucket)
	case "InvalidObjectState":
		return fmt.Sprintf("%v is archived: restore it, or keep artifacts out of Glacier", at)
	case "ClusterNotFoundException":
		return fmt.Sprintf("ECS cluster %q does not exist: create it or set cluster in the fleet file", at.cluster)
	case "ServiceNotFoundException", "ServiceNotActiveException":
		return fmt.Sprintf("%v does not exist: create it or set service in the fleet file", at)
	case "UnknownOperationException":
		return "the endpoint does not offer this call: check --endpoint; it said: " + api.ErrorMessage()
	}
	return words(api)
}

// words are AWS's own.
func words(api smithy.APIError) string {
	return strings.TrimSuffix(api.ErrorCode()+": "+api.ErrorMessage(), ": ")
}

// artifactSentence says why an artifact that somebody named cannot be read;
// empty where that is not about the artifact.
func artifactSentence(at place, api smithy.APIError) string {
	code, message := api.ErrorCode(), strings.ToLower(api.ErrorMessage())
	switch {
	case !at.given:
		return ""
	case code == "NoSuchBucket":
		return fmt.Sprintf("bucket %q does not exist: check the address", at.bucket)
	case strings.HasPrefix(code, "KMS"):
		return fmt.Sprintf("the key that %v is encrypted with cannot be used: enable it, or write the artifact with another one", at)
	case code == "PermanentRedirect" || code == "MovedPermanently" || code == "AuthorizationHeaderMalformed" || code == "TemporaryRedirect":
		return fmt.Sprintf("bucket %q is in another region: let training jobs write to one in the controller's (--region)", at.bucket)
	case code == "InvalidObjectState":
		return fmt.Sprintf("%v is archived: restore it, or keep artifacts out of Glacier", at)
	case code != "AccessDenied" && code != "Forbidden" && code != "AllAccessDisabled":
		return ""
	case strings.Contains(message, "kms:"):
		return fmt.Sprintf("access to the key of %v is denied: allow kms:Decrypt in the role's policy and in the key's own", at)
	case strings.Contains(message, "request-payer") || strings.Contains(message, "requester pays"):
		return fmt.Sprintf("reading %v is paid for by whoever asks, which Sluice does not: copy it to a bucket of your own", at)
	}
	return fmt.Sprintf("access to %v is denied, or there is no such object: allow s3:GetObject there and s3:ListBucket on the bucket in the role's policy, and in the bucket's own if it is of another account", at)
}

func throttled(api smithy.APIError) bool {
	_, ok := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	return ok || api.ErrorCode() == "ServiceUnavailable"
}

// credentialSentence speaks of who we are and what time it is; empty when err
// is about neither.
func credentialSentence(err error) string {
	var api smithy.APIError
	if !errors.As(err, &api) {
		var signing *smithy.OperationError
		if errors.As(err, &signing) && strings.Contains(err.Error(), "credentials") {
			return "there are no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role"
		}
		return ""
	}
	switch api.ErrorCode() {
	case "InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature":
		return "AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return "the AWS credentials have expired: sign in again (aws sso login), or let the task have a role"
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return "the clock of this machine is not AWS's: set it (NTP)"
	case "InvalidSignatureException":
		if strings.Contains(api.ErrorMessage(), "expired") || strings.Contains(api.ErrorMessage(), "not yet current") {
			return "the clock of this machine is not AWS's: set it (NTP)"
		}
		return "AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	}
	return ""
}

// transportSentence speaks of calls that got no answer, or none of AWS's.
func transportSentence(err error) string {
	var dns *net.DNSError
	var dial *net.OpError
	var untrusted *tls.CertificateVerificationError
	var garbled *smithy.DeserializationError
	var broken *url.Error
	var call *smithy.OperationError
	switch {
	case errors.As(err, &untrusted):
		return fmt.Sprintf("the endpoint's certificate is not trusted (%v): check --endpoint or set AWS_CA_BUNDLE", untrusted.Err)
	case errors.As(err, &dns):
		return fmt.Sprintf("there is no host %q: check --endpoint and --region", dns.Name)
	case errors.As(err, &dial) && dial.Op == "dial":
		return fmt.Sprintf("nothing answers at %v (%v): check --endpoint and the network", dial.Addr, dial.Err)
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time: check the network; it is tried again in the next pass"
	case errors.As(err, &call) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the connection broke in the middle of an answer: it is tried again in the next pass"
	case errors.As(err, &garbled):
		return "the answer is none of AWS's: check --endpoint"
	case errors.As(err, &broken):
		return fmt.Sprintf("the connection broke (%v): it is tried again in the next pass", broken.Err)
	default:
		return err.Error()
	}
}

// permission names what the credentials lack.
func permission(at place, err error) string {
	var op *smithy.OperationError
	if !errors.As(err, &op) {
		return "allow it in the role's policy"
	}
	service, action := strings.ToLower(op.ServiceID), op.OperationName
	if service != "s3" {
		return fmt.Sprintf("allow %s:%s in the role's policy", service, action)
	}
	switch action {
	case "HeadBucket", "ListObjectsV2":
		return "allow s3:ListBucket on the bucket in the role's policy"
	case "HeadObject", "GetObject":
		if at.version != "" {
			return "allow s3:GetObject and s3:GetObjectVersion in the role's policy"
		}
		return "allow s3:GetObject there in the role's policy, and s3:ListBucket on the bucket, without which S3 denies what does not exist"
	default:
		return fmt.Sprintf("allow s3:%s there in the role's policy", action)
	}
}

// code is the word with which a service refused, empty when none did.
func code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// missing reports whether a call on an object found no such object.
func missing(err error) bool {
	switch code(err) {
	case "NoSuchKey", "NotFound", "NoSuchVersion":
		return true
	}
	return false
}

// unavailable reports whether err speaks of the service or the way to it, and
// not of the one thing that was asked about.
func unavailable(err error) bool {
	var api smithy.APIError
	var answer *awshttp.ResponseError
	if !errors.As(err, &api) || errors.As(err, &answer) && answer.HTTPStatusCode() >= http.StatusInternalServerError {
		return true
	}
	return api.ErrorFault() == smithy.FaultServer || throttled(api)
}
