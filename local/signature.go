package local

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/sluicehq/sluice/local/s3"
	"github.com/sluicehq/sluice/sorting"
)

const (
	algorithm = "AWS4-HMAC-SHA256"
	amzTime   = "20060102T150405Z"
	// maxPresigned is how long a presigned URL may be good for, as on AWS.
	maxPresigned = 7 * 24 * time.Hour
	unsigned     = "UNSIGNED-PAYLOAD"
)

// signature is the one of a request to S3, in its header or in its URL.
type signature struct {
	authorization
	date      string // of the scope
	at        time.Time
	presigned bool
	expires   time.Duration // after which a presigned one is no good any more
	payload   string        // what it covers of the body
}

func (s signature) scope() string { return s.date + "/" + s.region + "/" + s.service + "/aws4_request" }

func denied(status int, code, message string, details ...string) *s3.Error {
	return &s3.Error{Status: status, Code: code, Message: message, Details: details}
}

// checkS3 checks a request's signature by S3's rules, which are its own: paths
// are encoded once, and a signature may stand in the URL. It returns the
// request with what is needed to check the chunks of its body.
func (c credentials) checkS3(r *http.Request, region string, now time.Time) (*http.Request, *s3.Error) {
	if r.Header.Get("Authorization") == "" && r.URL.Query().Has("AWSAccessKeyId") {
		return r, c.checkPresignedV2(r, now)
	}
	sig, refusal := parseSignature(r)
	if refusal != nil {
		return r, refusal
	}
	if refusal := sig.check(region, now); refusal != nil {
		return r, refusal
	}
	if sig.accessKey != c.accessKey {
		return r, denied(http.StatusForbidden, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."+wayOut, "AWSAccessKeyId", sig.accessKey)
	}
	for name := range r.Header {
		if lower := strings.ToLower(name); strings.HasPrefix(lower, "x-amz-") && !slices.Contains(sig.headers, lower) {
			return r, denied(http.StatusForbidden, "AccessDenied", "There were headers present in the request which were not signed", "HeadersNotSigned", lower)
		}
	}
	key := c.signingKey(sig)
	canonical := sig.canonical(r)
	toSign := strings.Join([]string{algorithm, sig.at.Format(amzTime), sig.scope(), hexSum(canonical)}, "\n")
	if made := hex.EncodeToString(mac(key, toSign)); subtle.ConstantTimeCompare([]byte(made), []byte(sig.signature)) != 1 {
		return r, denied(http.StatusForbidden, "SignatureDoesNotMatch",
			"The request signature we calculated does not match the signature you provided. Check your key and signing method."+wayOut,
			"AWSAccessKeyId", sig.accessKey, "StringToSign", toSign, "CanonicalRequest", canonical)
	}
	// The server looks at the body of its own request when it answers.
	checked := r.WithContext(s3.WithSignatures(r.Context(), &seed{signature: sig, key: key, last: sig.signature}))
	s3.WithDigest(checked)
	return checked, nil
}

func parseSignature(r *http.Request) (signature, *s3.Error) {
	query, header := r.URL.Query(), r.Header.Get("Authorization")
	switch {
	case strings.HasPrefix(header, algorithm+" "):
		return headerSignature(r)
	case header == "" && query.Get("X-Amz-Signature") != "":
		return querySignature(query)
	case strings.HasPrefix(header, "AWS4-ECDSA"), strings.HasPrefix(query.Get("X-Amz-Algorithm"), "AWS4-ECDSA"):
		return signature{}, denied(http.StatusNotImplemented, "NotImplemented", "Signatures for many regions (SigV4A) are not checked on this machine; sign with "+algorithm+".")
	case header != "":
		return signature{}, denied(http.StatusBadRequest, "InvalidRequest", "The authorization mechanism you have provided is not supported. Please use "+algorithm+".")
	case r.Method == http.MethodPost && strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/form-data"):
		return signature{}, denied(http.StatusNotImplemented, "NotImplemented", "Uploads by a browser's form are not served on this machine; presign a PUT instead.")
	}
	return signature{}, denied(http.StatusForbidden, "AccessDenied", "Access Denied: the request is not signed."+wayOut)
}

func headerSignature(r *http.Request) (sig signature, refusal *s3.Error) {
	a, ok := parseAuthorization(r.Header.Get("Authorization"))
	if !ok {
		return sig, malformed("The authorization header that you provided is not valid.")
	}
	sig = signature{authorization: a, date: a.date, payload: r.Header.Get("X-Amz-Content-Sha256")}
	if sig.payload == "" {
		return sig, denied(http.StatusBadRequest, "InvalidRequest", "Missing required header for this request: x-amz-content-sha256")
	}
	var err error
	if sig.at, err = time.Parse(amzTime, r.Header.Get("X-Amz-Date")); err != nil {
		if sig.at, err = http.ParseTime(r.Header.Get("Date")); err != nil {
			return sig, denied(http.StatusForbidden, "AccessDenied", "AWS authentication requires a valid Date or x-amz-date header")
		}
	}
	return sig, nil
}

func querySignature(query url.Values) (sig signature, refusal *s3.Error) {
	bad := func(message string) *s3.Error {
		return denied(http.StatusBadRequest, "AuthorizationQueryParametersError", message)
	}
	a, ok := parseAuthorization(algorithm + " Credential=" + query.Get("X-Amz-Credential") + ", SignedHeaders=" + query.Get("X-Amz-SignedHeaders") + ", Signature=" + query.Get("X-Amz-Signature"))
	if !ok {
		return sig, bad("Error parsing the X-Amz-Credential parameter; the Credential is mal-formed; expecting \"<YOUR-AKID>/YYYYMMDD/REGION/SERVICE/aws4_request\".")
	}
	if query.Get("X-Amz-Algorithm") != algorithm {
		return sig, bad("X-Amz-Algorithm only supports \"" + algorithm + "\"")
	}
	sig = signature{authorization: a, date: a.date, presigned: true, payload: unsigned}
	if sum := query.Get("X-Amz-Content-Sha256"); sum != "" {
		sig.payload = sum
	}
	var err error
	if sig.at, err = time.Parse(amzTime, query.Get("X-Amz-Date")); err != nil {
		return sig, bad("X-Amz-Date must be in the ISO8601 Long Format \"yyyyMMdd'T'HHmmss'Z'\"")
	}
	seconds, err := strconv.ParseInt(query.Get("X-Amz-Expires"), 10, 32)
	if sig.expires = time.Duration(seconds) * time.Second; err != nil || seconds < 1 || sig.expires > maxPresigned {
		return sig, bad("X-Amz-Expires must be a number between 1 and 604800, in seconds")
	}
	return sig, nil
}

func malformed(message string, details ...string) *s3.Error {
	return denied(http.StatusBadRequest, "AuthorizationHeaderMalformed", message, details...)
}

// check looks at all but the signature itself.
func (s signature) check(region string, now time.Time) *s3.Error {
	switch {
	case s.service != "s3":
		return malformed("The authorization header is malformed; incorrect service \"" + s.service + "\". This endpoint belongs to \"s3\".")
	case s.region != region:
		return malformed("The authorization header is malformed; the region '"+s.region+"' is wrong; expecting '"+region+"'", "Region", region)
	case s.date != s.at.Format("20060102"):
		return malformed("The authorization header is malformed; Invalid credential date \"" + s.date + "\". This date is not the same as X-Amz-Date.")
	case !slices.Contains(s.headers, "host"):
		return malformed("The signature must cover the header host.")
	case s.presigned && now.Before(s.at.Add(-maxSkew)):
		return denied(http.StatusForbidden, "AccessDenied", "Request is not valid yet")
	case s.presigned && now.After(s.at.Add(s.expires)):
		return denied(http.StatusForbidden, "AccessDenied", "Request has expired", "X-Amz-Expires", strconv.Itoa(int(s.expires.Seconds())),
			"Expires", s.at.Add(s.expires).Format(time.RFC3339), "ServerTime", now.UTC().Format(time.RFC3339))
	case !s.presigned && now.Sub(s.at).Abs() > maxSkew:
		return denied(http.StatusForbidden, "RequestTimeTooSkewed", "The difference between the request time and the current time is too large.",
			"RequestTime", s.at.Format(amzTime), "ServerTime", now.UTC().Format(time.RFC3339))
	}
	return nil
}

// canonical is the request in the form that is signed.
func (s signature) canonical(r *http.Request) string {
	var headers strings.Builder
	for _, name := range s.headers {
		headers.WriteString(name + ":" + signedValue(r, name) + "\n")
	}
	return strings.Join([]string{
		r.Method, encode(r.URL.Path, true), canonicalQuery(r.URL.RawQuery), headers.String(), strings.Join(s.headers, ";"), s.payload,
	}, "\n")
}

func signedValue(r *http.Request, name string) string {
	values := r.Header.Values(name)
	switch {
	case name == "host":
		values = []string{r.Host}
	case name == "content-length":
		values = []string{strconv.FormatInt(r.ContentLength, 10)}
	case name == "transfer-encoding":
		values = r.TransferEncoding
	case name == "expect" && len(values) == 0:
		values = []string{"100-continue"} // proxies take it away
	}
	trimmed := make([]string, len(values))
	for i, v := range values {
		trimmed[i] = strings.Join(strings.Fields(v), " ")
	}
	return strings.Join(trimmed, ",")
}

func canonicalQuery(raw string) string {
	var pairs [][2]string
	for pair := range strings.SplitSeq(raw, "&") {
		name, value, _ := strings.Cut(pair, "=")
		name, errName := url.QueryUnescape(strings.ReplaceAll(name, "+", "%20"))
		value, errValue := url.QueryUnescape(strings.ReplaceAll(value, "+", "%20"))
		if pair != "" && errName == nil && errValue == nil && name != "X-Amz-Signature" {
			pairs = append(pairs, [2]string{encode(name, false), encode(value, false)})
		}
	}
	sorting.By(pairs, func(a, b *[2]string) int { return slices.Compare(a[:], b[:]) })
	var canonical []string
	for _, pair := range pairs {
		canonical = append(canonical, pair[0]+"="+pair[1])
	}
	return strings.Join(canonical, "&")
}

// encode is AWS's URL encoding, byte by byte.
func encode(s string, path bool) string {
	const hexDigits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		switch {
		case 'A' <= c && c <= 'Z', 'a' <= c && c <= 'z', '0' <= c && c <= '9', strings.IndexByte("-._~", c) >= 0, path && c == '/':
			b.WriteByte(c)
		default:
			b.Write([]byte{'%', hexDigits[c>>4], hexDigits[c&15]})
		}
	}
	return b.String()
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func hexSum(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func (c credentials) signingKey(s signature) []byte {
	key := []byte("AWS4" + c.secretKey)
	for _, part := range []string{s.date, s.region, s.service, "aws4_request"} {
		key = mac(key, part)
	}
	return key
}

// seed is what the signatures of a body's chunks grow from, each over the one
// before it.
type seed struct {
	signature
	key  []byte
	last string
}

func (s *seed) next(kind, middle string, sha256 []byte) string {
	s.last = hex.EncodeToString(mac(s.key, strings.Join([]string{algorithm + kind, s.at.Format(amzTime), s.scope(), s.last, middle + hex.EncodeToString(sha256)}, "\n")))
	return s.last
}

// Chunk implements s3.Signatures.
func (s *seed) Chunk(sha256 []byte) string { return s.next("-PAYLOAD", hexSum("")+"\n", sha256) }

// Trailer implements s3.Signatures.
func (s *seed) Trailer(sha256 []byte) string { return s.next("-TRAILER", "", sha256) }
