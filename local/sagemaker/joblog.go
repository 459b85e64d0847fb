package sagemaker

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// maxLogBytes bounds what is kept of a job's words.
const maxLogBytes = 8 << 20

// stampLayout begins every line of a job's log.
const stampLayout = "2006-01-02T15:04:05.000Z "

// joblog is where the words of a job are kept: a line each, with its time. A job
// that starts again goes on in the same file.
type joblog struct {
	mu   sync.Mutex
	file *os.File
	left int
}

func (s *Server) logFile(job string) string {
	return filepath.Join(s.config.Dir, "joblogs", job+".log")
}

func (s *Server) openLog(job string) (*joblog, error) {
	name := s.logFile(job)
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	file, err := os.OpenFile(name, os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &joblog{file: file, left: maxLogBytes - int(info.Size())}, nil
}

// line keeps a line. A full disk shows when the model is uploaded.
func (l *joblog) line(format string, args ...any) {
	text := strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " ")
	l.mu.Lock()
	defer l.mu.Unlock()
	entry := time.Now().UTC().Format(stampLayout) + text + "\n"
	if l.left -= len(entry); l.left >= 0 {
		_, _ = l.file.WriteString(entry)
	}
}

// logEvent is a line of a job's log as CloudWatch tells it.
type logEvent struct {
	at   int64 // unix milliseconds
	text string
}

// readLog is the log of a job, oldest first; none for a job that has said
// nothing.
func (s *Server) readLog(job string) ([]logEvent, error) {
	raw, err := os.ReadFile(s.logFile(job))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var events []logEvent
	for lines := bufio.NewReader(bytes.NewReader(raw)); ; {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) { // a last line without its end is being written
			return events, nil
		}
		stamp, text := line[:min(len(stampLayout), len(line))], line[min(len(stampLayout), len(line)):]
		at, err := time.Parse(stampLayout, stamp)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", s.logFile(job), err)
		}
		events = append(events, logEvent{at.UnixMilli(), strings.TrimSuffix(text, "\n")})
	}
}
