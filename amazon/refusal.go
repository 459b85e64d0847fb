package amazon

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"regexp"
	"strings"
	"syscall"

	"github.com/aws/aws-sdk-go-v2/aws/retry"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
)

// fault is an error of AWS in words for a person. What the SDK said is
// underneath.
type fault struct {
	doing, says string
	err         error
}

func (f *fault) Error() string { return f.doing + ": " + f.says }
func (f *fault) Unwrap() error { return f.err }

// Place is what a call was about, to name in an error.
type Place struct {
	Bucket, Key, Version string
	Given                bool // by a training job or a person: an artifact, and nothing of ours
	Cluster, Service     string
	Instance             string // of EC2
}

func (p Place) String() string {
	switch {
	case p.Bucket != "":
		return "s3://" + p.Bucket + "/" + p.Key
	case p.Instance != "":
		return "EC2 instance " + p.Instance
	case p.Service != "":
		return fmt.Sprintf("ECS service %q of cluster %q", p.Service, p.Cluster)
	case p.Cluster != "":
		return fmt.Sprintf("ECS cluster %q", p.Cluster)
	default:
		return "the training jobs"
	}
}

// Explain is the one place where errors of the SDK become sentences: they name
// the thing and the way out, and end with what AWS said.
func Explain(doing string, at Place, err error) error {
	if err == nil {
		return nil
	}
	return &fault{doing: doing, says: sentence(at, err), err: err}
}

func sentence(at Place, err error) string {
	if errors.Is(err, context.Canceled) {
		return context.Canceled.Error()
	}
	if says := credentialSentence(err); says != "" {
		return says
	}
	var api smithy.APIError
	if !errors.As(err, &api) {
		return transportSentence(err)
	}
	says := apiSentence(at, api, err)
	switch {
	case Missing(err):
		return says // there is no more to it
	case says == "":
		return words(api)
	}
	return said(says, api)
}

// said ends a sentence of ours with AWS's words.
func said(says string, api smithy.APIError) string {
	return fmt.Sprintf("%s (AWS says %s)", says, words(api))
}

// apiSentence says what a service's answer means; empty where nobody knows more
// than the answer tells.
func apiSentence(at Place, api smithy.APIError, err error) string {
	if Throttled(api) {
		return "AWS asks to slow down: it is tried again by itself; if this stays, poll less often or ask AWS for a higher limit"
	}
	if Denied(api) {
		return denialSentence(at, api, err)
	}
	switch code := api.ErrorCode(); code {
	case "NoSuchBucket":
		if at.Given {
			return fmt.Sprintf("bucket %q does not exist: check the address", at.Bucket)
		}
		return fmt.Sprintf("bucket %q does not exist: create it or set --bucket", at.Bucket)
	case "InvalidBucketName":
		return fmt.Sprintf("%q is no name for a bucket: set --bucket", at.Bucket)
	case "NoSuchKey", "NotFound", "NoSuchVersion":
		return "not found"
	case "PermanentRedirect", "MovedPermanently", "AuthorizationHeaderMalformed", "TemporaryRedirect", "IllegalLocationConstraintException":
		return regionSentence(at, api, err)
	case "InvalidObjectState":
		return fmt.Sprintf("%v is archived: restore it, or keep artifacts out of Glacier", at)
	case "KMS.DisabledException", "KMS.KMSInvalidStateException", "KMS.NotFoundException", "KMS.InvalidKeyUsageException":
		return fmt.Sprintf("the key that %v is encrypted with cannot be used: %s", at, mendKey(code))
	case "ClusterNotFoundException":
		return fmt.Sprintf("ECS cluster %q does not exist: create it or set cluster in the fleet file", at.Cluster)
	case "ServiceNotFoundException", "ServiceNotActiveException":
		return fmt.Sprintf("%v does not exist: create it or set service in the fleet file", at)
	case "UnknownOperationException":
		return "the endpoint does not offer this call: check --endpoint"
	}
	return ""
}

// mendKey says what makes a key of KMS usable.
func mendKey(code string) string {
	switch code {
	case "KMS.DisabledException":
		return "enable it, or write with another one"
	case "KMS.NotFoundException":
		return "it is gone, or in another region or account: write with another one"
	}
	return "see its state in KMS, or write with another one"
}

// regionSentence names the region that a bucket is in, where AWS tells.
func regionSentence(at Place, api smithy.APIError, err error) string {
	region := ""
	var answer *awshttp.ResponseError
	if errors.As(err, &answer) && answer.Response != nil && answer.Response.Response != nil {
		region = answer.Response.Header.Get("X-Amz-Bucket-Region")
	}
	if m := regexp.MustCompile(`expecting '([a-z0-9-]+)'`).FindStringSubmatch(api.ErrorMessage()); region == "" && m != nil {
		region = m[1]
	}
	where, set := "another region", "set --region to the one it is in"
	if region != "" {
		where, set = "region "+region, "set --region "+region
	}
	if at.Given {
		set = "let training jobs write to one in the controller's (--region)"
	}
	return fmt.Sprintf("bucket %q is in %s: %s", at.Bucket, where, set)
}

// denialSentence says what is denied, and what would lift it as far as AWS
// tells.
func denialSentence(at Place, api smithy.APIError, err error) string {
	what := fmt.Sprintf("access to %v is denied", at)
	message := strings.ToLower(api.ErrorMessage())
	switch d := readDenial(api.ErrorMessage()); {
	case d.action != "":
		if strings.HasPrefix(d.action, "kms:") {
			what = fmt.Sprintf("access to the key of %v is denied", at)
		}
		return what + ": " + d.wayOut()
	case strings.Contains(message, "request-payer") || strings.Contains(message, "requester pays"):
		return fmt.Sprintf("reading %v is paid for by whoever asks, which Sluice does not: copy it to a bucket of your own", at)
	}
	return fmt.Sprintf("%s, and AWS does not say why: see that the role may %s", what, rights(at, err))
}

// rights are what a call takes, where AWS does not say what of it is missing.
func rights(at Place, err error) string {
	service, operation := asked(err)
	if service == "" {
		return "do that"
	}
	right := strings.ToLower(service) + ":" + operation
	const others = ", and that no policy of the bucket, its key, the VPC endpoint or the organization denies it"
	switch {
	case service != "S3":
		return right
	case operation == "HeadBucket" || operation == "ListObjectsV2":
		return "s3:ListBucket on the bucket" + others
	case operation != "HeadObject" && operation != "GetObject":
		return right + " there" + others
	case at.Version != "":
		right = "s3:GetObject and s3:GetObjectVersion"
	default:
		right = "s3:GetObject"
	}
	return right + " there, and s3:ListBucket on the bucket, without which S3 denies what does not exist" + others
}

// asked is the call that failed; the innermost, where one needed another.
func asked(err error) (service, operation string) {
	for {
		var op *smithy.OperationError
		if !errors.As(err, &op) {
			return service, operation
		}
		service, operation, err = op.ServiceID, op.OperationName, op.Err
	}
}

// credentialSentence speaks of who we are and what time it is; empty when err
// is about neither.
func credentialSentence(err error) string {
	var explained *fault
	if errors.As(err, &explained) {
		err = explained.err
	}
	var api smithy.APIError
	known := errors.As(err, &api)
	if _, cause, unsigned := strings.Cut(err.Error(), "get credentials: "); unsigned {
		return unsignedSentence(err, api, known, strings.TrimPrefix(cause, "failed to refresh cached credentials, "))
	}
	if !known {
		return ""
	}
	const unknown = "AWS does not know these credentials: check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
	const clock = "the clock of this machine is not AWS's: set it (NTP)"
	switch api.ErrorCode() {
	case "InvalidAccessKeyId", "UnrecognizedClientException", "InvalidClientTokenId", "SignatureDoesNotMatch", "AuthFailure", "InvalidToken",
		"MissingAuthenticationToken", "MissingAuthenticationTokenException", "IncompleteSignature":
		return said(unknown, api)
	case "ExpiredToken", "ExpiredTokenException", "TokenRefreshRequired":
		return said("the AWS credentials have expired: sign in again (aws sso login), or let the task have a role", api)
	case "RequestTimeTooSkewed", "RequestExpired", "RequestInTheFuture":
		return said(clock, api)
	case "InvalidSignatureException":
		if strings.Contains(api.ErrorMessage(), "expired") || strings.Contains(api.ErrorMessage(), "not yet current") {
			return said(clock, api)
		}
		return said(unknown, api)
	}
	return ""
}

// unsignedSentence says why there are no credentials to sign a call with.
func unsignedSentence(err error, api smithy.APIError, known bool, cause string) string {
	service, operation := asked(err)
	const had = "the AWS credentials cannot be had"
	switch {
	case known && Denied(api):
		what := fmt.Sprintf("%s from %s (%s)", had, service, operation)
		if d := readDenial(api.ErrorMessage()); d.action != "" {
			return said(what+": "+d.wayOut(), api)
		}
		return said(what, api)
	case known && strings.HasPrefix(api.ErrorCode(), "ExpiredToken"):
		return said(fmt.Sprintf("%s from %s (%s), as what they are asked for with has expired: sign in again (aws sso login), or have the token renewed", had, service, operation), api)
	case known:
		return said(had+": check AWS_PROFILE, or the role of the task", api)
	case strings.Contains(cause, "no EC2 IMDS role found"), strings.Contains(cause, "static credentials are empty"):
		return "there are no AWS credentials: set AWS_PROFILE or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give the task a role"
	}
	return fmt.Sprintf("%s: %s: check AWS_PROFILE, or the role of the task", had, clean(cause))
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
		return "no answer in time: check the network; it is tried again by itself"
	case errors.As(err, &call) && (errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)):
		return "the connection broke in the middle of an answer: it is tried again by itself"
	case errors.As(err, &garbled):
		return "the answer is none of AWS's: check --endpoint"
	case errors.As(err, &broken):
		return fmt.Sprintf("the connection broke (%v): it is tried again by itself", broken.Err)
	default:
		return clean(err.Error())
	}
}

// Code is the word with which a service refused, empty when none did.
func Code(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// Missing reports whether a call on an object found no such object.
func Missing(err error) bool {
	switch Code(err) {
	case "NoSuchKey", "NotFound", "NoSuchVersion":
		return true
	}
	return false
}

// Denied reports whether a service denied what was asked.
func Denied(api smithy.APIError) bool {
	switch api.ErrorCode() {
	case "AccessDenied", "AccessDeniedException", "Forbidden", "AllAccessDisabled", "UnauthorizedOperation", "KMS.AccessDeniedException":
		return true
	}
	return false
}

// Throttled reports whether a service asked for fewer calls.
func Throttled(api smithy.APIError) bool {
	_, ok := retry.DefaultThrottleErrorCodes[api.ErrorCode()]
	return ok || api.ErrorCode() == "ServiceUnavailable"
}

// Unknown reports whether a call failed for who we are, or for our clock.
func Unknown(err error) bool { return err != nil && credentialSentence(err) != "" }
