package local

import (
	"crypto/rand"
	"encoding/xml"
	"net/http"
	"net/url"
)

// forSTS reports whether a request is signed for the Security Token Service.
func forSTS(r *http.Request) bool {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	return ok && a.service == "sts" && r.Method == http.MethodPost
}

// identity is who a caller is, as the query protocol spells it.
type identity struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ GetCallerIdentityResponse"`
	Arn       string   `xml:"GetCallerIdentityResult>Arn"`
	UserID    string   `xml:"GetCallerIdentityResult>UserId"`
	Account   string   `xml:"GetCallerIdentityResult>Account"`
	RequestID string   `xml:"ResponseMetadata>RequestId"`
}

type stsError struct {
	XMLName   xml.Name `xml:"https://sts.amazonaws.com/doc/2011-06-15/ ErrorResponse"`
	Type      string   `xml:"Error>Type"`
	Code      string   `xml:"Error>Code"`
	Message   string   `xml:"Error>Message"`
	RequestID string   `xml:"RequestId"`
}

// serveSTS says who the one caller is that this machine knows.
func (d *door) serveSTS(w http.ResponseWriter, r *http.Request) {
	if refusal := d.auth.checkJSON(r); refusal != nil {
		writeXML(w, http.StatusForbidden, stsError{Type: "Sender", Code: refusal.code, Message: refusal.message, RequestID: rand.Text()})
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, 1<<16)
	asked := url.Values{}
	if err := r.ParseForm(); err == nil {
		asked = r.PostForm
	}
	if action := asked.Get("Action"); action != "GetCallerIdentity" {
		writeXML(w, http.StatusBadRequest, stsError{
			Type: "Sender", Code: "InvalidAction", RequestID: rand.Text(),
			Message: "Could not find operation " + action + " on this machine; STS serves GetCallerIdentity.",
		})
		return
	}
	writeXML(w, http.StatusOK, identity{
		Arn: "arn:aws:iam::" + account + ":user/" + d.auth.accessKey, UserID: d.auth.accessKey, Account: account, RequestID: rand.Text(),
	})
}

func writeXML(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "text/xml")
	w.WriteHeader(status)
	_ = xml.NewEncoder(w).Encode(v) // the caller has gone if this fails
}
