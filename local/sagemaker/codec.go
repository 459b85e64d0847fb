package sagemaker

import (
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/schemas"
	"github.com/aws/aws-sdk-go-v2/service/sagemaker/types"

	"github.com/sluicehq/sluice/local/awsjson"
)

// Codec speaks SageMaker. Its table names every union of the SDK's version.
func Codec() *awsjson.Codec {
	return awsjson.NewCodec(schemas.SageMaker, false, []awsjson.Union{
		awsjson.UnionOf[types.AIAdapterSource](&types.AIAdapterSourceMemberModelPackageArns{}, &types.AIAdapterSourceMemberS3Uris{}),
		awsjson.UnionOf[types.AIBenchmarkTarget](&types.AIBenchmarkTargetMemberEndpoint{}),
		awsjson.UnionOf[types.AIDatasetConfig](&types.AIDatasetConfigMemberInputDataConfig{}),
		awsjson.UnionOf[types.AIModelSource](&types.AIModelSourceMemberS3{}),
		awsjson.UnionOf[types.AutoMLProblemTypeConfig](
			&types.AutoMLProblemTypeConfigMemberImageClassificationJobConfig{},
			&types.AutoMLProblemTypeConfigMemberTabularJobConfig{},
			&types.AutoMLProblemTypeConfigMemberTextClassificationJobConfig{},
			&types.AutoMLProblemTypeConfigMemberTextGenerationJobConfig{},
			&types.AutoMLProblemTypeConfigMemberTimeSeriesForecastingJobConfig{},
		),
		awsjson.UnionOf[types.AutoMLProblemTypeResolvedAttributes](
			&types.AutoMLProblemTypeResolvedAttributesMemberTabularResolvedAttributes{},
			&types.AutoMLProblemTypeResolvedAttributesMemberTextGenerationResolvedAttributes{},
		),
		awsjson.UnionOf[types.ClusterInstanceStorageConfig](
			&types.ClusterInstanceStorageConfigMemberEbsVolumeConfig{},
			&types.ClusterInstanceStorageConfigMemberFsxLustreConfig{},
			&types.ClusterInstanceStorageConfigMemberFsxOpenZfsConfig{},
		),
		awsjson.UnionOf[types.CollectionConfig](&types.CollectionConfigMemberVectorConfig{}),
		awsjson.UnionOf[types.CustomFileSystem](
			&types.CustomFileSystemMemberEFSFileSystem{},
			&types.CustomFileSystemMemberFSxLustreFileSystem{},
			&types.CustomFileSystemMemberS3FileSystem{},
		),
		awsjson.UnionOf[types.CustomFileSystemConfig](
			&types.CustomFileSystemConfigMemberEFSFileSystemConfig{},
			&types.CustomFileSystemConfigMemberFSxLustreFileSystemConfig{},
			&types.CustomFileSystemConfigMemberS3FileSystemConfig{},
		),
		awsjson.UnionOf[types.EventMetadata](
			&types.EventMetadataMemberCluster{},
			&types.EventMetadataMemberDatabaseConfiguration{},
			&types.EventMetadataMemberInstance{},
			&types.EventMetadataMemberInstanceGroup{},
			&types.EventMetadataMemberInstanceGroupScaling{},
			&types.EventMetadataMemberSlurmHealth{},
		),
		awsjson.UnionOf[types.MetricSpecification](&types.MetricSpecificationMemberCustomized{}, &types.MetricSpecificationMemberPredefined{}),
		awsjson.UnionOf[types.OptimizationConfig](
			&types.OptimizationConfigMemberModelCompilationConfig{},
			&types.OptimizationConfigMemberModelQuantizationConfig{},
			&types.OptimizationConfigMemberModelShardingConfig{},
			&types.OptimizationConfigMemberModelSpeculativeDecodingConfig{},
		),
		awsjson.UnionOf[types.ScalingPolicy](&types.ScalingPolicyMemberTargetTracking{}),
		awsjson.UnionOf[types.TrialComponentParameterValue](
			&types.TrialComponentParameterValueMemberNumberValue{},
			&types.TrialComponentParameterValueMemberStringValue{},
		),
		awsjson.UnionOf[types.WorkloadSpec](&types.WorkloadSpecMemberInline{}),
	})
}
