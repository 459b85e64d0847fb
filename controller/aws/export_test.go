package aws

import "context"

// AddressOf is where a service would be asked.
func AddressOf(ctx context.Context, c *Client, service string) (string, error) {
	return c.addressOf(ctx, service)
}

// PrivateAddresses are where EC2 says that instances are.
func PrivateAddresses(ctx context.Context, c *Client, ids []string) (map[string]string, error) {
	return c.privateAddresses(ctx, ids)
}
