package s3

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
)

// setting is something that a bucket can be told: a document that is kept as
// it came.
type setting struct {
	root string // of the XML; empty: the document is JSON
	// otherwise is what a new bucket has, and none the code that a bucket
	// without it answers.
	otherwise, none string
	// check refuses a document; nil: the setting cannot be set here, as it
	// would have to do something.
	check func(raw []byte, b bucketRecord) error
	// keepsDefault is whether otherwise is left when it is deleted.
	keepsDefault bool
}

// settings by the query that names them.
func settings() map[string]setting {
	const own = "<Rule><ObjectOwnership>BucketOwnerEnforced</ObjectOwnership></Rule>"
	const keys = "<Rule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>AES256</SSEAlgorithm></ApplyServerSideEncryptionByDefault><BucketKeyEnabled>false</BucketKeyEnabled></Rule>"
	return map[string]setting{
		"lifecycle":         {root: "LifecycleConfiguration", none: "NoSuchLifecycleConfiguration", check: checkLifecycle},
		"policy":            {none: "NoSuchBucketPolicy", check: checkPolicy},
		"encryption":        {root: "ServerSideEncryptionConfiguration", check: checkEncryption, keepsDefault: true, otherwise: keys},
		"publicAccessBlock": publicAccess(),
		"ownershipControls": {root: "OwnershipControls", none: "OwnershipControlsNotFoundError", check: checkOwnership, otherwise: own},

		"accelerate":     {root: "AccelerateConfiguration", keepsDefault: true},
		"cors":           {root: "CORSConfiguration", none: "NoSuchCORSConfiguration"},
		"logging":        {root: "BucketLoggingStatus", keepsDefault: true},
		"notification":   {root: "NotificationConfiguration", keepsDefault: true},
		"object-lock":    {root: "ObjectLockConfiguration", none: "ObjectLockConfigurationNotFoundError"},
		"replication":    {root: "ReplicationConfiguration", none: "ReplicationConfigurationNotFoundError"},
		"requestPayment": {root: "RequestPaymentConfiguration", keepsDefault: true, otherwise: "<Payer>BucketOwner</Payer>"},
		"website":        {root: "WebsiteConfiguration", none: "NoSuchWebsiteConfiguration"},
	}
}

// publicAccess is all blocked in a new bucket.
func publicAccess() setting {
	return setting{
		root: "PublicAccessBlockConfiguration", none: "NoSuchPublicAccessBlockConfiguration", check: checkPublicAccess,
		otherwise: "<BlockPublicAcls>true</BlockPublicAcls><IgnorePublicAcls>true</IgnorePublicAcls><BlockPublicPolicy>true</BlockPublicPolicy><RestrictPublicBuckets>true</RestrictPublicBuckets>",
	}
}

// deletedSetting stands for a default that was deleted.
const deletedSetting = "-"

// document is what a bucket answers, or "" where it has no such setting.
func (s setting) document(name string, b bucketRecord) string {
	kept, ok := b.Settings[name]
	switch {
	case kept == deletedSetting:
		return ""
	case ok:
		return kept
	case s.otherwise != "" || s.keepsDefault:
		return xmlHead + "<" + s.root + ` xmlns="` + namespace + `">` + s.otherwise + "</" + s.root + ">"
	}
	return ""
}

func (s *Store) serveSetting(q *request, name string, set setting) error {
	switch q.r.Method {
	case http.MethodGet:
		return s.getSetting(q, name, set)
	case http.MethodPut:
		return s.putSetting(q, name, set)
	case http.MethodDelete:
		return s.change(q, func(b *bucketRecord) error {
			value := deletedSetting
			if set.keepsDefault || set.otherwise == "" {
				value = ""
			}
			b.set(name, value)
			return nil
		})
	}
	return errMethodNotAllowed
}

func (b *bucketRecord) set(name, document string) {
	if b.Settings == nil {
		b.Settings = map[string]string{}
	}
	setOrDelete(b.Settings, name, document)
}

func (s *Store) getSetting(q *request, name string, set setting) error {
	b, err := s.bucketOf(q)
	if err != nil {
		return err
	}
	kept := set.document(name, b)
	if kept == "" {
		return refuse(http.StatusNotFound, set.none, "The bucket has no such setting: ?%s", name).with("BucketName", q.bucket)
	}
	kind := "application/xml"
	if set.root == "" {
		kind = "application/json"
	}
	q.w.Header().Set("Content-Type", kind)
	// The caller has gone if this fails.
	_, _ = io.WriteString(q.w, kept)
	return nil
}

func (s *Store) putSetting(q *request, name string, set setting) error {
	raw, err := q.document(false)
	if err != nil {
		return err
	}
	if set.check == nil && !harmless(name, raw) {
		return notImplemented("PutBucket ?%s is not served on this machine: nothing here would act by it", name)
	}
	if set.root != "" {
		if err := checkRoot(raw, set.root); err != nil {
			return err
		}
	}
	return s.change(q, func(b *bucketRecord) error {
		if set.check != nil {
			if err := set.check(raw, *b); err != nil {
				return err
			}
			b.set(name, string(raw))
		}
		return nil
	})
}

// harmless is whether a document sets nothing, as clients send it to take a
// setting back.
func harmless(name string, raw []byte) bool {
	var in struct {
		Payer, Status string
		Inner         []byte `xml:",innerxml"`
	}
	if decodeXML(raw, &in) != nil {
		return false
	}
	switch name {
	case "requestPayment":
		return in.Payer == "BucketOwner"
	case "accelerate":
		return in.Status == suspended
	case "logging", "notification":
		return len(bytes.TrimSpace(in.Inner)) == 0
	}
	return false
}

// checkRoot is whether raw is sound XML of that kind.
func checkRoot(raw []byte, root string) error {
	in := xml.NewDecoder(bytes.NewReader(raw))
	for first := true; ; {
		token, err := in.Token()
		if errors.Is(err, io.EOF) && !first {
			return nil
		}
		if err != nil {
			return errMalformedXML
		}
		if start, ok := token.(xml.StartElement); ok && first {
			if first = false; start.Name.Local != root {
				return errMalformedXML
			}
		}
	}
}

func checkLifecycle(raw []byte, _ bucketRecord) error {
	var in struct {
		Rules []struct {
			ID     string `xml:"ID"`
			Status string `xml:"Status"`
		} `xml:"Rule"`
	}
	if err := decodeXML(raw, &in); err != nil {
		return err
	}
	if len(in.Rules) == 0 || len(in.Rules) > 1000 {
		return errMalformedXML
	}
	seen := map[string]bool{}
	for _, r := range in.Rules {
		switch {
		case r.Status != enabled && r.Status != "Disabled":
			return errMalformedXML
		case r.ID != "" && seen[r.ID]:
			return invalidArgument("ID", r.ID, "Rule ID must be unique. Found same ID for more than one rule")
		}
		seen[r.ID] = true
	}
	return nil
}

// policyDocument is what of a bucket policy is looked at.
type policyDocument struct {
	Version   string
	Statement statements
}

type statement struct {
	Effect    string
	Principal json.RawMessage
	Condition map[string]any
}

// statements may be one or a list of them.
type statements []statement

// UnmarshalJSON implements json.Unmarshaler.
func (s *statements) UnmarshalJSON(raw []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(raw), []byte("[")) {
		return json.Unmarshal(raw, (*[]statement)(s))
	}
	*s = make(statements, 1)
	return json.Unmarshal(raw, &(*s)[0])
}

// public is whether anybody is allowed anything without a condition.
func (p policyDocument) public() bool {
	return slices.ContainsFunc(p.Statement, func(s statement) bool {
		who := strings.NewReplacer(" ", "", "\n", "").Replace(string(s.Principal))
		return s.Effect == "Allow" && len(s.Condition) == 0 && (who == `"*"` || who == `{"AWS":"*"}` || who == `{"AWS":["*"]}`)
	})
}

func checkPolicy(raw []byte, b bucketRecord) error {
	malformed := func(message string) error {
		return refuse(http.StatusBadRequest, "MalformedPolicy", "%s", message)
	}
	var p policyDocument
	if len(raw) > 20<<10 {
		return refuse(http.StatusBadRequest, "PolicyTooLarge", "Policy exceeds the maximum allowed document size.")
	}
	if json.Unmarshal(raw, &p) != nil {
		return malformed("Policies must be valid JSON and the first byte must be '{'")
	}
	if len(p.Statement) == 0 {
		return malformed("Missing required field Statement")
	}
	for _, s := range p.Statement {
		if s.Effect != "Allow" && s.Effect != "Deny" {
			return malformed("Invalid effect: " + s.Effect)
		}
		if len(s.Principal) == 0 && !bytes.Contains(raw, []byte(`"NotPrincipal"`)) {
			return malformed("Missing required field Principal")
		}
	}
	var block struct{ BlockPublicPolicy bool }
	if kept := publicAccess().document("publicAccessBlock", b); kept != "" && decodeXML([]byte(kept), &block) != nil {
		return errMalformedXML
	}
	if p.public() && block.BlockPublicPolicy {
		return refuse(http.StatusForbidden, "AccessDenied",
			"s3:PutBucketPolicy is denied because public policies are prevented by the BlockPublicPolicy setting in S3 Block Public Access.")
	}
	return nil
}

func (s *Store) getPolicyStatus(q *request) error {
	b, err := s.bucketOf(q)
	if err != nil {
		return err
	}
	kept := b.Settings["policy"]
	if kept == "" {
		return refuse(http.StatusNotFound, "NoSuchBucketPolicy", "The bucket policy does not exist").with("BucketName", q.bucket)
	}
	var p policyDocument
	if err := json.Unmarshal([]byte(kept), &p); err != nil {
		return s.failure("read the policy", err)
	}
	d := newDocument("PolicyStatus")
	d.truth("IsPublic", p.public())
	return d.send(q)
}

func checkPublicAccess(raw []byte, _ bucketRecord) error {
	var in struct {
		BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets *bool
	}
	return decodeXML(raw, &in)
}

// ownerships that a bucket may have.
func ownerships() []string {
	return []string{"BucketOwnerEnforced", "BucketOwnerPreferred", "ObjectWriter"}
}

func checkOwnership(raw []byte, _ bucketRecord) error {
	var in struct {
		Ownership []string `xml:"Rule>ObjectOwnership"`
	}
	if err := decodeXML(raw, &in); err != nil {
		return err
	}
	if len(in.Ownership) != 1 || !slices.Contains(ownerships(), in.Ownership[0]) {
		return errMalformedXML
	}
	return nil
}

// ownershipOf is the setting that a bucket is created with.
func ownershipOf(h http.Header) (map[string]string, error) {
	chosen := h.Get("X-Amz-Object-Ownership")
	switch {
	case chosen == "":
		return nil, nil
	case !slices.Contains(ownerships(), chosen):
		return nil, invalidArgument("x-amz-object-ownership", chosen, "Invalid x-amz-object-ownership header: "+chosen)
	}
	return map[string]string{"ownershipControls": xmlHead + `<OwnershipControls xmlns="` + namespace + `"><Rule><ObjectOwnership>` + chosen + "</ObjectOwnership></Rule></OwnershipControls>"}, nil
}

// encryption is what an object was asked to be encrypted with; empty is S3's
// own keys, which every object has at least. Nothing is encrypted here.
type encryption struct {
	Algorithm string `json:"algorithm,omitempty"`
	Key       string `json:"key,omitempty"`
	BucketKey bool   `json:"bucket_key,omitempty"`
}

const sse = "X-Amz-Server-Side-Encryption"

func encryptionHeaders() []string {
	return []string{sse, sse + "-Aws-Kms-Key-Id", sse + "-Bucket-Key-Enabled"}
}

func (e encryption) check() error {
	switch e.Algorithm {
	case "", "AES256":
		if e.Key != "" {
			return invalidArgument(strings.ToLower(sse), e.Algorithm, "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms")
		}
		return nil
	case "aws:kms", "aws:kms:dsse":
		return nil
	}
	return invalidArgument(strings.ToLower(sse), e.Algorithm, "The encryption method specified is not supported")
}

func (e encryption) setHeader(h http.Header) {
	if e.Algorithm == "" {
		e.Algorithm = "AES256"
	}
	h.Set(sse, e.Algorithm)
	if e.Key != "" {
		h.Set(sse+"-Aws-Kms-Key-Id", e.Key)
	}
	if e.BucketKey {
		h.Set(sse+"-Bucket-Key-Enabled", "true")
	}
}

// encryptionOf is what a request asks for, or else the bucket's setting.
func encryptionOf(h http.Header, b bucketRecord) (encryption, error) {
	e := encryption{h.Get(sse), h.Get(sse + "-Aws-Kms-Key-Id"), h.Get(sse+"-Bucket-Key-Enabled") == "true"}
	if e.Algorithm != "" || e.Key != "" {
		return e, e.check()
	}
	kept := b.Settings["encryption"]
	if kept == "" {
		return encryption{}, nil
	}
	in, err := parseEncryption([]byte(kept))
	return in, err
}

func parseEncryption(raw []byte) (encryption, error) {
	var in struct {
		Rules []struct {
			Algorithm string `xml:"ApplyServerSideEncryptionByDefault>SSEAlgorithm"`
			Key       string `xml:"ApplyServerSideEncryptionByDefault>KMSMasterKeyID"`
			BucketKey bool   `xml:"BucketKeyEnabled"`
		} `xml:"Rule"`
	}
	if err := decodeXML(raw, &in); err != nil {
		return encryption{}, err
	}
	if len(in.Rules) != 1 {
		return encryption{}, errMalformedXML
	}
	return encryption{in.Rules[0].Algorithm, in.Rules[0].Key, in.Rules[0].BucketKey}, nil
}

func checkEncryption(raw []byte, _ bucketRecord) error {
	e, err := parseEncryption(raw)
	if err == nil && e.check() != nil {
		err = errMalformedXML
	}
	return err
}

// checkACLHeaders takes the two lists that say what is so anyway: the owner
// may do everything. Others are not allowed in a bucket that belongs to its
// owner alone, as all do from the start.
func checkACLHeaders(h http.Header) error {
	acl := h.Get("X-Amz-Acl")
	granted := slices.ContainsFunc([]string{"Read", "Write", "Read-Acp", "Write-Acp", "Full-Control"}, func(name string) bool {
		return h.Get("X-Amz-Grant-"+name) != ""
	})
	if !granted && (acl == "" || acl == "private" || acl == "bucket-owner-full-control") {
		return nil
	}
	if !granted && !slices.Contains([]string{"public-read", "public-read-write", "authenticated-read", "aws-exec-read", "bucket-owner-read", "log-delivery-write"}, acl) {
		return invalidArgument("x-amz-acl", acl, "")
	}
	return refuse(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
}

// getACL answers for objects, too: everything is the owner's.
func (s *Store) getACL(q *request) error {
	var err error
	if q.key == "" {
		_, err = s.bucketOf(q)
	} else {
		err = s.view(func(ix index) error {
			_, _, err := q.tagged(ix)
			return err
		})
	}
	if err != nil {
		return err
	}
	d := newDocument("AccessControlPolicy")
	d.owner("Owner", s.account)
	d.open("AccessControlList")
	d.open("Grant")
	d.WriteString(`<Grantee xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="CanonicalUser">`)
	d.text("ID", ownerID(s.account))
	d.close("Grantee")
	d.text("Permission", "FULL_CONTROL")
	d.close("Grant")
	d.close("AccessControlList")
	return d.send(q)
}

// putACL succeeds where it changes nothing; headers were looked at before.
func (s *Store) putACL(q *request) error {
	raw, err := q.document(false)
	if err != nil {
		return err
	}
	if len(raw) > 0 {
		var in struct {
			XMLName     xml.Name `xml:"AccessControlPolicy"`
			Permissions []string `xml:"AccessControlList>Grant>Permission"`
			IDs         []string `xml:"AccessControlList>Grant>Grantee>ID"`
		}
		if err := decodeXML(raw, &in); err != nil {
			return err
		}
		if !slices.Equal(in.Permissions, []string{"FULL_CONTROL"}) || !slices.Equal(in.IDs, []string{ownerID(s.account)}) {
			return refuse(http.StatusBadRequest, "AccessControlListNotSupported", "The bucket does not allow ACLs")
		}
	}
	if q.key == "" {
		_, err = s.bucketOf(q)
	} else {
		_, _, err = s.taggedNow(q)
	}
	if err != nil {
		return err
	}
	return q.empty(http.StatusOK)
}

func (s *Store) taggedNow(q *request) (b bucketRecord, v version, err error) {
	err = s.view(func(ix index) error {
		b, v, err = q.tagged(ix)
		return err
	})
	return b, v, err
}
