package inference

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// placement is what the container agent tells a task of itself.
type placement struct {
	TaskARN          string
	AvailabilityZone string // empty where it is not known
}

// askAgent asks the container agent under uri (ECS_CONTAINER_METADATA_URI_V4)
// who this task is, and where.
func askAgent(ctx context.Context, uri string) (placement, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, uri+"/task", nil)
	if err != nil {
		return placement{}, fmt.Errorf("ask the container agent: %w", err)
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return placement{}, fmt.Errorf("ask the container agent: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return placement{}, fmt.Errorf("ask the container agent: status %s", answer.Status)
	}
	var task placement
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&task); err != nil {
		return placement{}, fmt.Errorf("read the container agent's answer: %w", err)
	}
	if task.TaskARN == "" {
		return placement{}, errors.New("the container agent names no TaskARN; set --task")
	}
	return task, nil
}
