package ecs

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/ecs/schemas"
	"github.com/aws/aws-sdk-go-v2/service/ecs/types"
	"github.com/aws/smithy-go"
	"go.etcd.io/bbolt"

	"github.com/sluicehq/sluice/local/awsjson"
)

// store keeps every record in bbolt, in the SDK's own JSON. What it has saved
// is on the disk.
type store struct {
	db    *bbolt.DB
	codec *awsjson.Codec
}

const (
	clustersName    = "ecs.clusters"
	definitionsName = "ecs.definitions"
	servicesName    = "ecs.services"
	tasksName       = "ecs.tasks"
	deploymentsName = "ecs.deployments"
	revisionsName   = "ecs.revisions"
	metaName        = "ecs.meta"
)

// envelope is how a record lies in the DB.
type envelope struct {
	Record    json.RawMessage `json:"record"`
	Tags      []types.Tag     `json:"tags,omitempty"`      // of a definition
	Protected *time.Time      `json:"protected,omitempty"` // of a task
}

func (st store) load(s *Server) error {
	return st.db.Update(func(tx *bbolt.Tx) error {
		if err := each(tx, clustersName, func(key string, e envelope) error {
			c := &types.Cluster{}
			s.clusters[key] = c
			return st.codec.Unmarshal(e.Record, c)
		}); err != nil {
			return err
		}
		if err := each(tx, definitionsName, func(key string, e envelope) error {
			d := &definition{tags: e.Tags}
			s.definitions[key] = d
			return st.codec.Unmarshal(e.Record, &d.TaskDefinition)
		}); err != nil {
			return err
		}
		if err := each(tx, servicesName, func(key string, e envelope) error {
			v := &service{}
			s.services[key] = v
			return st.codec.Unmarshal(e.Record, &v.Service)
		}); err != nil {
			return err
		}
		if err := each(tx, deploymentsName, func(key string, e envelope) error {
			d := &types.ServiceDeployment{}
			s.deployments[key] = d
			return st.codec.Unmarshal(e.Record, d)
		}); err != nil {
			return err
		}
		if err := each(tx, revisionsName, func(key string, e envelope) error {
			r := &types.ServiceRevision{}
			s.revisions[key] = r
			return st.codec.Unmarshal(e.Record, r)
		}); err != nil {
			return err
		}
		return each(tx, tasksName, func(key string, e envelope) error {
			t := &task{protected: e.Protected}
			s.tasks[key] = t
			return st.codec.Unmarshal(e.Record, &t.Task)
		})
	})
}

func each(tx *bbolt.Tx, bucket string, f func(key string, e envelope) error) error {
	b, err := tx.CreateBucketIfNotExists([]byte(bucket))
	if err != nil {
		return err
	}
	return b.ForEach(func(key, raw []byte) error {
		var e envelope
		if err := json.Unmarshal(raw, &e); err != nil {
			return fmt.Errorf("decode %s %s: %w", bucket, key, err)
		}
		if err := f(string(key), e); err != nil {
			return fmt.Errorf("decode %s %s: %w", bucket, key, err)
		}
		return nil
	})
}

// addressStart is where the allocation of addresses goes on: a random place
// at first, so that two servers on one machine hardly meet, and one block
// further at every start.
func (st store) addressStart() (uint32, error) {
	var start uint32
	err := st.db.Update(func(tx *bbolt.Tx) error {
		b, err := tx.CreateBucketIfNotExists([]byte(metaName))
		if err != nil {
			return err
		}
		if raw := b.Get([]byte("addresses")); len(raw) == 4 {
			start = binary.BigEndian.Uint32(raw) + 256
		} else {
			var random [4]byte
			_, _ = rand.Read(random[:]) // never fails
			start = binary.BigEndian.Uint32(random[:])
		}
		return b.Put([]byte("addresses"), binary.BigEndian.AppendUint32(nil, start))
	})
	return start, err
}

func (st store) put(tx *bbolt.Tx, bucket, key string, record smithy.Serializable, e envelope) error {
	var err error
	if e.Record, err = st.codec.Marshal(record); err != nil {
		return err
	}
	raw, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("encode %s %s: %w", bucket, key, err)
	}
	return tx.Bucket([]byte(bucket)).Put([]byte(key), raw)
}

func (st store) saveCluster(c *types.Cluster) error {
	return st.db.Update(func(tx *bbolt.Tx) error { return st.put(tx, clustersName, *c.ClusterName, c, envelope{}) })
}

func (st store) saveDefinition(d *definition) error {
	return st.db.Update(func(tx *bbolt.Tx) error {
		return st.put(tx, definitionsName, nameOfDefinition(d), &d.TaskDefinition, envelope{Tags: d.tags})
	})
}

// saveService saves a service with its newest deployments, which change with it.
func (st store) saveService(v *service, newest []*types.ServiceDeployment, revisions map[string]*types.ServiceRevision) error {
	return st.db.Update(func(tx *bbolt.Tx) error {
		for _, d := range newest {
			if err := st.put(tx, deploymentsName, *d.ServiceDeploymentArn, d, envelope{}); err != nil {
				return err
			}
			arn := *d.TargetServiceRevision.Arn
			if err := st.put(tx, revisionsName, arn, revisions[arn], envelope{}); err != nil {
				return err
			}
		}
		return st.put(tx, servicesName, serviceKey(v), &v.Service, envelope{})
	})
}

func (st store) saveTasks(tasks ...*task) error {
	if len(tasks) == 0 {
		return nil
	}
	return st.db.Update(func(tx *bbolt.Tx) error {
		for _, t := range tasks {
			if err := st.put(tx, tasksName, id(t), &t.Task, envelope{Protected: t.protected}); err != nil {
				return err
			}
		}
		return nil
	})
}

func (st store) forget(bucket string, keys ...string) error {
	if len(keys) == 0 {
		return nil
	}
	return st.db.Update(func(tx *bbolt.Tx) error {
		for _, key := range keys {
			if err := tx.Bucket([]byte(bucket)).Delete([]byte(key)); err != nil {
				return err
			}
		}
		return nil
	})
}

// Handler answers ECS operations. It expects requests whose signature has
// been checked.
func (s *Server) Handler() *awsjson.Service {
	h := awsjson.NewService(schemas.AmazonEC2ContainerServiceV20141113, s.codec, s.config.Log)
	h.Handle(s.createCluster)
	h.Handle(s.describeClusters)
	h.Handle(s.listClusters)
	h.Handle(s.registerTaskDefinition)
	h.Handle(s.describeTaskDefinition)
	h.Handle(s.listTaskDefinitions)
	h.Handle(s.listTaskDefinitionFamilies)
	h.Handle(s.deregisterTaskDefinition)
	h.Handle(s.deleteCluster)
	h.Handle(s.createService)
	h.Handle(s.updateService)
	h.Handle(s.describeServices)
	h.Handle(s.deleteService)
	h.Handle(s.listServices)
	h.Handle(s.listServiceDeployments)
	h.Handle(s.describeServiceDeployments)
	h.Handle(s.describeServiceRevisions)
	h.Handle(s.stopServiceDeployment)
	h.Handle(s.continueServiceDeployment)
	h.Handle(s.listTasks)
	h.Handle(s.describeTasks)
	h.Handle(s.stopTask)
	h.Handle(s.runTask)
	h.Handle(s.updateTaskProtection)
	h.Handle(s.getTaskProtection)
	h.Handle(s.tagResource)
	h.Handle(s.untagResource)
	h.Handle(s.listTagsForResource)
	h.Handle(s.listContainerInstances)
	h.Handle(s.describeContainerInstances)
	awsjson.HandlePlain(h, "DescribeCapacityProviders", s.describeCapacityProviders)
	return h
}
