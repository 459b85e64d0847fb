package local

import (
	"context"
	"fmt"
	"io"
	"net/http/httputil"
	"net/url"
	"os"

	"github.com/aws/aws-sdk-go-v2/aws"
	sdkcredentials "github.com/aws/aws-sdk-go-v2/credentials"
	sdk "github.com/aws/aws-sdk-go-v2/service/s3"
)

// elsewhere is another server's S3 in place of ours: requests are handed on as
// they were signed, and training jobs read and write there.
type elsewhere struct {
	client *sdk.Client
	*httputil.ReverseProxy
}

func openElsewhere(c Config) (*elsewhere, error) {
	u, err := url.Parse(c.S3)
	if err != nil || u.Host == "" {
		return nil, fmt.Errorf("the S3 at %q has no address: want one such as http://127.0.0.1:7070", c.S3)
	}
	options := sdk.Options{
		Region: c.Region, BaseEndpoint: &c.S3, UsePathStyle: true,
		Credentials: sdkcredentials.NewStaticCredentialsProvider(c.AccessKey, c.SecretKey, ""),
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(u)
		r.Out.Host = r.In.Host // the signature covers it
	}}
	return &elsewhere{sdk.New(options), proxy}, nil
}

// Put implements sagemaker.Objects. What is written is measured first.
func (e *elsewhere) Put(ctx context.Context, bucket, key string, in io.Reader) error {
	f, err := os.CreateTemp("", "object")
	if err != nil {
		return err
	}
	defer func() {
		_ = f.Close()
		_ = os.Remove(f.Name())
	}()
	if _, err := io.Copy(f, in); err != nil {
		return err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err = e.client.PutObject(ctx, &sdk.PutObjectInput{Bucket: &bucket, Key: &key, Body: f})
	return err
}

// Get implements sagemaker.Objects.
func (e *elsewhere) Get(ctx context.Context, bucket, key string) (io.ReadCloser, error) {
	out, err := e.client.GetObject(ctx, &sdk.GetObjectInput{Bucket: &bucket, Key: &key})
	if err != nil {
		return nil, err
	}
	return out.Body, nil
}

// Keys implements sagemaker.Objects.
func (e *elsewhere) Keys(ctx context.Context, bucket, prefix string) (keys []string, err error) {
	pages := sdk.NewListObjectsV2Paginator(e.client, &sdk.ListObjectsV2Input{Bucket: &bucket, Prefix: &prefix})
	for pages.HasMorePages() {
		page, err := pages.NextPage(ctx)
		if err != nil {
			return nil, err
		}
		for _, o := range page.Contents {
			keys = append(keys, aws.ToString(o.Key))
		}
	}
	return keys, nil
}
