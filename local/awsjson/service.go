// Package awsjson serves the AWS JSON 1.1 protocol on the SDK's own generated
// types: a request body becomes an SDK input, an SDK output becomes the reply.
// ECS and SageMaker are both spoken this way.
//
// It knows no operation of any service, keeps no state and checks no
// signature. Event streams and compressed bodies are not spoken.
//
// Outputs are written by the SDK's exported serializers. Inputs have none for
// reading, so they are filled by reflection: a member's name on the wire and
// in Go differ only in case. Both are facts of one SDK version and no promise,
// which is why a test plays every snapshot of what is served that AWS ships with
// that version.
package awsjson

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/aws/smithy-go"
)

// MaxBodyBytes bounds a request; the largest real one, a task definition, may
// have 64 KiB.
const MaxBodyBytes = 4 << 20

const contentType = "application/x-amz-json-1.1"

// Service answers the operations that Handle was called for, and names them
// when it is asked for another. It is an http.Handler once all are in place.
type Service struct {
	target     string
	codec      *Codec
	log        *slog.Logger
	operations map[string]operation
}

type operation func(ctx context.Context, body []byte) (reply []byte, err error)

// NewService has no operations yet. The schema names the service in
// X-Amz-Target.
func NewService(schema *smithy.ServiceSchema, codec *Codec, log *slog.Logger) *Service {
	return &Service{
		target:     schema.Schema.ID().Name,
		codec:      codec,
		log:        log,
		operations: map[string]operation{},
	}
}

// Serves says whether a request with this X-Amz-Target is for the service.
func (s *Service) Serves(target string) bool { return strings.HasPrefix(target, s.target+".") }

// Operations are the names of what the service answers, sorted.
func (s *Service) Operations() []string { return slices.Sorted(maps.Keys(s.operations)) }

// Handle lets h, a func(context.Context, *In) (Out, error) of the SDK's types,
// answer the operation that its input type names. An error of h that is a
// smithy.APIError reaches the caller as that exception; any other is logged and
// reaches the caller as a ServerException.
func (s *Service) Handle(h any) {
	call := reflect.ValueOf(h)
	of := call.Type().In(1).Elem()
	s.operations[strings.TrimSuffix(of.Name(), "Input")] = func(ctx context.Context, body []byte) ([]byte, error) {
		in := reflect.New(of)
		if err := s.codec.Unmarshal(body, in.Interface()); err != nil {
			return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error()}
		}
		out := call.Call([]reflect.Value{reflect.ValueOf(ctx), in})
		if err, _ := reflect.TypeAssert[error](out[1]); err != nil {
			return nil, err
		}
		reply, _ := reflect.TypeAssert[smithy.Serializable](out[0])
		return s.codec.MarshalReply(reply)
	}
}

// HandlePlain lets h answer an operation by types of its own, with the names of
// the wire: for one of which little is told, as the SDK's types of an operation
// make the program up to a tenth of a megabyte larger.
func HandlePlain[In, Out any](s *Service, name string, h func(context.Context, *In) (Out, error)) {
	s.operations[name] = func(ctx context.Context, body []byte) ([]byte, error) {
		in := new(In)
		if err := json.Unmarshal(body, in); err != nil {
			return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: err.Error()}
		}
		out, err := h(ctx, in)
		if err != nil {
			return nil, err
		}
		return json.Marshal(out)
	}
}

// ServeHTTP answers one operation.
func (s *Service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	reply, err := s.call(r)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", contentType)
	// The caller has gone if this fails; nobody is left to tell.
	_, _ = w.Write(reply)
}

func (s *Service) call(r *http.Request) ([]byte, error) {
	name := strings.TrimPrefix(r.Header.Get("X-Amz-Target"), s.target+".")
	op, ok := s.operations[name]
	if !ok {
		return nil, &smithy.GenericAPIError{
			Code:    "UnknownOperationException",
			Message: fmt.Sprintf("%s is not served on this machine; %s serves %s", name, s.target, strings.Join(s.Operations(), ", ")),
		}
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, MaxBodyBytes))
	if err != nil {
		return nil, &smithy.GenericAPIError{Code: "SerializationException", Message: "read request: " + err.Error()}
	}
	return op(r.Context(), body)
}

func (s *Service) fail(w http.ResponseWriter, r *http.Request, err error) {
	var known smithy.APIError
	if errors.As(err, &known) {
		s.WriteError(w, http.StatusBadRequest, known.ErrorCode(), known.ErrorMessage())
		return
	}
	s.log.ErrorContext(r.Context(), "operation failed", "operation", r.Header.Get("X-Amz-Target"), "err", err)
	s.WriteError(w, http.StatusInternalServerError, "ServerException", err.Error())
}

// WriteError answers with an exception as AWS JSON spells it.
func (s *Service) WriteError(w http.ResponseWriter, status int, code, message string) {
	body, err := json.Marshal(map[string]string{"__type": code, s.codec.wireName("Message"): message})
	if err != nil {
		body = []byte(`{"__type":"ServerException"}`)
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	_, _ = w.Write(body)
}
