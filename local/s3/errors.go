package s3

import (
	"errors"
	"fmt"
	"net/http"
	"syscall"
)

// Error is a refusal in S3's words.
type Error struct {
	Status        int
	Code, Message string
	// Details are further elements of the answer: name, value, name, value.
	Details []string
	// header goes out with it.
	header http.Header
}

// Error implements error.
func (e *Error) Error() string { return e.Code + ": " + e.Message }

// Is lets errors.Is compare by code.
func (e *Error) Is(other error) bool {
	var o *Error
	return errors.As(other, &o) && o.Code == e.Code
}

func (e *Error) with(details ...string) *Error {
	said := *e
	said.Details = append(append([]string{}, e.Details...), details...)
	return &said
}

func (e *Error) withHeader(h http.Header) *Error {
	said := *e
	said.header = h
	return &said
}

func refuse(status int, code, format string, args ...any) *Error {
	return &Error{Status: status, Code: code, Message: fmt.Sprintf(format, args...)}
}

func invalidArgument(name, value, message string) *Error {
	return refuse(http.StatusBadRequest, "InvalidArgument", "%s", message).with("ArgumentName", name, "ArgumentValue", value)
}

func invalidRequest(format string, args ...any) *Error {
	return refuse(http.StatusBadRequest, "InvalidRequest", format, args...)
}

// notImplemented answers what this server does not do, whatever AWS would do.
func notImplemented(format string, args ...any) *Error {
	return refuse(http.StatusNotImplemented, "NotImplemented", format, args...)
}

func noSuchBucket(name string) *Error {
	return refuse(http.StatusNotFound, "NoSuchBucket", "The specified bucket does not exist").with("BucketName", name)
}

func noSuchKey(key string) *Error {
	return refuse(http.StatusNotFound, "NoSuchKey", "The specified key does not exist.").with("Key", key)
}

func noSuchVersion(key, id string) *Error {
	return refuse(http.StatusNotFound, "NoSuchVersion", "The specified version does not exist.").with("Key", key, "VersionId", id)
}

func noSuchUpload(id string) *Error {
	return refuse(http.StatusNotFound, "NoSuchUpload",
		"The specified multipart upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.").with("UploadId", id)
}

func preconditionFailed(condition string) *Error {
	return refuse(http.StatusPreconditionFailed, "PreconditionFailed",
		"At least one of the pre-conditions you specified did not hold").with("Condition", condition)
}

var (
	errIncompleteBody = refuse(http.StatusBadRequest, "IncompleteBody",
		"You did not provide the number of bytes specified by the Content-Length HTTP header")
	errMalformedXML = refuse(http.StatusBadRequest, "MalformedXML",
		"The XML you provided was not well-formed or did not validate against our published schema")
	errMethodNotAllowed = refuse(http.StatusMethodNotAllowed, "MethodNotAllowed",
		"The specified method is not allowed against this resource.")
	errNotModified = refuse(http.StatusNotModified, "NotModified", "Not Modified")
)

// failure is what a caller is told about an error of the disk or the index.
func (s *Store) failure(doing string, err error) error {
	var known *Error
	if errors.As(err, &known) {
		return known
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return refuse(http.StatusInternalServerError, "InternalError",
			"%s: the disk under %s is full; free space there or start with another --dir (nothing was changed)", doing, s.dir)
	}
	return refuse(http.StatusInternalServerError, "InternalError", "%s: %v", doing, err)
}
