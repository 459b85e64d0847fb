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

// taskARN asks the container agent under uri (ECS_CONTAINER_METADATA_URI_V4)
// who this task is.
func taskARN(ctx context.Context, uri string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ask, err := http.NewRequestWithContext(ctx, http.MethodGet, uri+"/task", nil)
	if err != nil {
		return "", fmt.Errorf("ask the container agent: %w", err)
	}
	answer, err := http.DefaultClient.Do(ask)
	if err != nil {
		return "", fmt.Errorf("ask the container agent: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return "", fmt.Errorf("ask the container agent: status %s", answer.Status)
	}
	var task struct{ TaskARN string }
	if err := json.NewDecoder(io.LimitReader(answer.Body, 1<<20)).Decode(&task); err != nil {
		return "", fmt.Errorf("read the container agent's answer: %w", err)
	}
	if task.TaskARN == "" {
		return "", errors.New("the container agent names no TaskARN; set --task")
	}
	return task.TaskARN, nil
}
