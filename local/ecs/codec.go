package ecs

import (
	"github.com/aws/aws-sdk-go-v2/service/ecs/document"
	"github.com/aws/aws-sdk-go-v2/service/ecs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"

	"github.com/sluicehq/sluice/local/awsjson"
)

// Codec speaks ECS. Its table names every union in what is served.
func Codec() *awsjson.Codec {
	return awsjson.NewCodec(schemas.AmazonEC2ContainerServiceV20141113, true, []awsjson.Union{
		awsjson.UnionOf[types.GatewayConnectionResources](&types.GatewayConnectionResourcesMemberHostSharedAlb{}),
		awsjson.UnionOf[types.ServiceConnectContainerConfiguration](&types.ServiceConnectContainerConfigurationMemberLogLevel{}),
		awsjson.UnionOf[types.SharingStrategy](&types.SharingStrategyMemberNvidiaMps{}),
	}, awsjson.DocumentOf(func(v any) document.Interface { return document.NewLazyDocument(v) }))
}
