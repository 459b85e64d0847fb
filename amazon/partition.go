package amazon

import "strings"

// Partition is the part of AWS that a region lies in, as ARNs name it.
func Partition(region string) string {
	for _, p := range [...]struct{ regions, partition string }{
		{"cn-", "aws-cn"},
		{"us-gov-", "aws-us-gov"},
		{"eusc-", "aws-eusc"},
		{"us-iso-", "aws-iso"},
		{"us-isob-", "aws-iso-b"},
		{"eu-isoe-", "aws-iso-e"},
		{"us-isof-", "aws-iso-f"},
	} {
		if strings.HasPrefix(region, p.regions) {
			return p.partition
		}
	}
	return "aws"
}
