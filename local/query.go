package local

import (
	"crypto/rand"
	"encoding/xml"
	"errors"
	"net/http"
	"strings"

	"github.com/aws/smithy-go"
)

// forQuery reports whether a request speaks the query protocol, as those for the
// Security Token Service do, and those for services that are not here.
func forQuery(r *http.Request) bool {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	return ok && r.Method == http.MethodPost && !strings.HasPrefix(a.service, "s3") &&
		strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
}

// identity is who a caller is, as the query protocol spells it.
type identity struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Arn       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

type queryError struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// queryAnswer is what a call is answered with.
type queryAnswer struct {
	XMLName   xml.Name
	Result    any
	RequestID string `xml:"ResponseMetadata>RequestId"`
}

// serveQuery says who the one caller is that this machine knows, and what stands
// around its services. Other services deny everything, as to somebody without rights: whoever asks them first, as
// SageMaker's SDK asks IAM what a role may do, goes on without.
func (d *door) serveQuery(w http.ResponseWriter, r *http.Request) {
	arn := userARN(r, d.auth.accessKey)
	refuse := func(status int, code, message string) {
		writeXML(w, status, queryError{Type: "Sender", Code: code, Message: message, RequestID: rand.Text()})
	}
	if refusal := d.auth.checkJSON(r); refusal != nil {
		refuse(http.StatusForbidden, refusal.code, refusal.message)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		refuse(http.StatusBadRequest, "MalformedQueryString", err.Error())
		return
	}
	a, _ := parseAuthorization(r.Header.Get("Authorization"))
	answer, known, err := d.query(a.service, r.PostForm)
	var api smithy.APIError
	switch action := r.PostForm.Get("Action"); {
	case known && errors.As(err, &api):
		refuse(http.StatusBadRequest, api.ErrorCode(), api.ErrorMessage())
	case known:
		writeXML(w, http.StatusOK, queryAnswer{
			XMLName: xml.Name{Space: answer.Namespace, Local: action + "Response"}, Result: answer.Result, RequestID: rand.Text(),
		})
	case a.service != "sts":
		refuse(http.StatusForbidden, "AccessDenied", "User: "+arn+" is not authorized to perform: "+a.service+":"+action+" on this machine; it has S3, ECS and SageMaker, training logs and STS.")
	case action != "GetCallerIdentity":
		refuse(http.StatusBadRequest, "InvalidAction", "Could not find operation "+action+" on this machine; STS serves GetCallerIdentity.")
	default:
		writeXML(w, http.StatusOK, identity{Arn: arn, UserID: d.auth.accessKey, Account: account, RequestID: rand.Text()})
	}
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v) // the caller has gone if this fails
}
