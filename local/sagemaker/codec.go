package sagemaker

import (
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/schemas"

	"github.com/sluicehq/sluice/local/awsjson"
)

// Codec speaks SageMaker. There is no union in what is served.
func Codec() *awsjson.Codec { return awsjson.NewCodec(schemas.SageMaker, false, nil) }
