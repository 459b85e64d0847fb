package s3

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"hash"
	"hash/crc32"
	"net/http"
	"slices"
	"strings"

	"github.com/minio/crc64nvme"
)

// checksum is what S3 knows of a content besides its ETag.
type checksum struct {
	Algorithm string `json:"algorithm"` // one of algorithms
	Value     string `json:"value"`     // base64; of a composite with "-N"
	Composite bool   `json:"composite,omitempty"`
}

// defaultAlgorithm is what S3 takes where the caller names none.
const defaultAlgorithm = "CRC64NVME"

// algorithms in S3's spelling.
func algorithms() []string { return []string{defaultAlgorithm, "CRC32", "CRC32C", "SHA1", "SHA256"} }

const (
	fullObject = "FULL_OBJECT"
	composite  = "COMPOSITE"
)

// nvmePolynomial is the one of the NVMe standard, reflected.
const nvmePolynomial = 0x9a6c9329ac4bc9b5

func newHash(algorithm string) hash.Hash {
	switch algorithm {
	case "CRC32":
		return crc32.NewIEEE()
	case "CRC32C":
		return crc32.New(crc32.MakeTable(crc32.Castagnoli))
	case "SHA1":
		return sha1.New()
	case "SHA256":
		return sha256.New()
	default:
		return crc64nvme.New()
	}
}

func (c checksum) header() string { return "x-amz-checksum-" + strings.ToLower(c.Algorithm) }

// element is the name that XML has for it.
func (c checksum) element() string { return "Checksum" + c.Algorithm }

func (c checksum) kind() string {
	if c.Composite {
		return composite
	}
	return fullObject
}

func (c checksum) setHeader(h http.Header) {
	if c.Algorithm != "" {
		h.Set(c.header(), c.Value)
		h.Set("x-amz-checksum-type", c.kind())
	}
}

func encodeSum(sum []byte) string { return base64.StdEncoding.EncodeToString(sum) }

// knownAlgorithm is the one that a caller names, or "" where it names none.
func knownAlgorithm(name string) (string, error) {
	name = strings.ToUpper(name)
	if name == "" || slices.Contains(algorithms(), name) {
		return name, nil
	}
	return "", invalidRequest("Checksum algorithm provided is unsupported. Please try again with any of the valid types: [CRC32, CRC32C, CRC64NVME, SHA1, SHA256]")
}

// checksumOf is the checksum that a request's headers claim of its body.
func checksumOf(h http.Header) (checksum, error) {
	var claimed checksum
	for _, name := range algorithms() {
		c := checksum{Algorithm: name}
		if c.Value = h.Get(c.header()); c.Value == "" {
			continue
		}
		if claimed.Algorithm != "" {
			return checksum{}, invalidRequest("Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.")
		}
		claimed = c
	}
	if claimed.Algorithm == "" {
		return checksum{}, nil
	}
	return claimed, claimed.check()
}

// check is whether the value can be one at all.
func (c checksum) check() error {
	raw, err := base64.StdEncoding.DecodeString(c.Value)
	if err != nil || len(raw) != newHash(c.Algorithm).Size() {
		return invalidRequest("Value for %s header is invalid.", c.header())
	}
	return nil
}

// compose is the checksum of parts' checksums.
func compose(algorithm string, parts []part) (checksum, error) {
	h := newHash(algorithm)
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
		if err != nil {
			return checksum{}, fmt.Errorf("decode a part's checksum: %w", err)
		}
		h.Write(raw)
	}
	return checksum{algorithm, fmt.Sprintf("%s-%d", encodeSum(h.Sum(nil)), len(parts)), true}, nil
}

// combine is the CRC of what the parts make together, without reading them.
func combine(algorithm string, parts []part) (checksum, error) {
	width, polynomial := 32, uint64(crc32.IEEE)
	switch algorithm {
	case "CRC32C":
		polynomial = crc32.Castagnoli
	case "CRC64NVME":
		width, polynomial = 64, nvmePolynomial
	}
	var whole uint64
	for _, p := range parts {
		raw, err := base64.StdEncoding.DecodeString(p.Checksum.Value)
		if err != nil {
			return checksum{}, fmt.Errorf("decode a part's checksum: %w", err)
		}
		var crc uint64
		for _, b := range raw {
			crc = crc<<8 | uint64(b)
		}
		whole = shiftZeros(whole, uint64(p.Size), width, polynomial) ^ crc
	}
	raw := make([]byte, width/8)
	for i := range raw {
		raw[i] = byte(whole >> (width - 8 - 8*i))
	}
	return checksum{Algorithm: algorithm, Value: encodeSum(raw)}, nil
}

// shiftZeros is the reflected CRC register after n more zero bytes: it is
// multiplied by x^8n modulo the polynomial.
func shiftZeros(crc, n uint64, width int, polynomial uint64) uint64 {
	square := uint64(1) << (width - 9) // x^8, whose lowest power is the highest bit
	for ; n != 0; n >>= 1 {
		if n&1 == 1 {
			crc = multiply(crc, square, width, polynomial)
		}
		square = multiply(square, square, width, polynomial)
	}
	return crc
}

func multiply(a, b uint64, width int, polynomial uint64) uint64 {
	var product uint64
	for power := uint64(1) << (width - 1); power != 0 && a != 0; power >>= 1 {
		if a&power != 0 {
			product ^= b
			a &^= power
		}
		b = b>>1 ^ polynomial&-(b&1)
	}
	return product
}
