package aws

import "context"

// AddressOfEC2 is where EC2 would be asked.
func AddressOfEC2(ctx context.Context, c *Client) (string, error) { return c.addressOfEC2(ctx) }

// PrivateAddresses are where EC2 says that instances are.
func PrivateAddresses(ctx context.Context, c *Client, ids []string) (map[string]string, error) {
	return c.privateAddresses(ctx, ids)
}
