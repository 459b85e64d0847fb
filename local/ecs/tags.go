package ecs

import (
	"context"
	"slices"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
)

// mergeTags is old with the tags of more added or replaced.
func mergeTags(old, more []types.Tag) []types.Tag {
	merged := slices.Clone(old)
	for _, tag := range more {
		i := slices.IndexFunc(merged, func(t types.Tag) bool { return *t.Key == aws.ToString(tag.Key) })
		if i >= 0 {
			merged[i] = tag
		} else {
			merged = append(merged, tag)
		}
	}
	return merged
}

func (s *Server) tagResource(_ context.Context, in *ecs.TagResourceInput) (*ecs.TagResourceOutput, error) {
	for _, tag := range in.Tags {
		if aws.ToString(tag.Key) == "" {
			return nil, invalid("A tag needs a key.")
		}
	}
	err := s.retag(aws.ToString(in.ResourceArn), func(old []types.Tag) []types.Tag { return mergeTags(old, in.Tags) })
	return &ecs.TagResourceOutput{}, err
}

func (s *Server) untagResource(_ context.Context, in *ecs.UntagResourceInput) (*ecs.UntagResourceOutput, error) {
	err := s.retag(aws.ToString(in.ResourceArn), func(old []types.Tag) []types.Tag {
		return slices.DeleteFunc(slices.Clone(old), func(t types.Tag) bool { return slices.Contains(in.TagKeys, *t.Key) })
	})
	return &ecs.UntagResourceOutput{}, err
}

func (s *Server) listTagsForResource(_ context.Context, in *ecs.ListTagsForResourceInput) (*ecs.ListTagsForResourceOutput, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := &ecs.ListTagsForResourceOutput{Tags: []types.Tag{}}
	tags, err := s.tagsOf(aws.ToString(in.ResourceArn))
	if err != nil {
		return nil, err
	}
	out.Tags = append(out.Tags, tags...)
	return out, nil
}

// resource splits an ARN into its kind and the key of our maps.
func resource(arn string) (kind, key string) {
	parts := strings.SplitN(arn, ":", 6)
	if len(parts) != 6 {
		return "", ""
	}
	kind, key, _ = strings.Cut(parts[5], "/")
	if kind == "task" {
		key = shortName(key)
	}
	return kind, key
}

func (s *Server) tagsOf(arn string) ([]types.Tag, error) {
	kind, key := resource(arn)
	if t, ok := s.tasks[key]; ok && kind == "task" {
		return t.Tags, nil
	}
	if v, ok := s.services[key]; ok && kind == "service" {
		return v.Tags, nil
	}
	if c, ok := s.clusters[key]; ok && kind == "cluster" {
		return c.Tags, nil
	}
	if d, ok := s.definitions[key]; ok && kind == "task-definition" {
		return d.tags, nil
	}
	return nil, invalid("The specified resource was not found: %s.", arn)
}

func (s *Server) retag(arn string, change func([]types.Tag) []types.Tag) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	old, err := s.tagsOf(arn)
	if err != nil {
		return err
	}
	tags := change(old)
	if len(tags) > tagLimit {
		return invalid("A resource may have %d tags; this would make %d.", tagLimit, len(tags))
	}
	kind, key := resource(arn)
	switch kind {
	case "task":
		t := &task{Task: s.tasks[key].Task, protected: s.tasks[key].protected}
		t.Tags = tags
		return s.commit(t)
	case "service":
		v := *s.services[key]
		v.Tags = tags
		return s.commitService(&v)
	case "cluster":
		c := *s.clusters[key]
		c.Tags = tags
		if err := s.store.saveCluster(&c); err != nil {
			return err
		}
		s.clusters[key] = &c
		return nil
	default:
		d := &definition{TaskDefinition: s.definitions[key].TaskDefinition, tags: tags}
		if err := s.store.saveDefinition(d); err != nil {
			return err
		}
		s.definitions[key] = d
		return nil
	}
}
