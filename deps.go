//go:build deps

package main

import (
	_ "github.com/HdrHistogram/hdrhistogram-go"
	_ "github.com/apache/thrift/lib/go/thrift"
	_ "github.com/aws/aws-sdk-go-v2/config"
	_ "github.com/aws/aws-sdk-go-v2/credentials"
	_ "github.com/aws/aws-sdk-go-v2/service/ecs"
	_ "github.com/aws/aws-sdk-go-v2/service/s3"
	_ "github.com/aws/aws-sdk-go-v2/service/sagemaker"
	_ "github.com/chromedp/chromedp"
	_ "github.com/evanw/esbuild/pkg/api"
	_ "github.com/go-chi/chi/v5"
	_ "github.com/goccy/go-yaml"
	_ "github.com/inetaf/tcpproxy"
	_ "github.com/prometheus/client_golang/prometheus/promhttp"
	_ "github.com/rclone/gofakes3"
	_ "github.com/rogpeppe/go-internal/testscript"
	_ "go.etcd.io/bbolt"
	_ "golang.org/x/sync/errgroup"
	_ "github.com/aws/smithy-go/transport/http/protocol/awsjson"
	_ "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)
