package sagemaker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/aws/smithy-go"

	"github.com/sluicehq/sluice/amazon"
	"github.com/sluicehq/sluice/local/awsjson"
	"github.com/sluicehq/sluice/sorting"
)

// logGroup is the one log group of this machine.
const logGroup = "/aws/sagemaker/TrainingJobs"

// Bounds of one answer, as CloudWatch has them.
const (
	maxLogEvents  = 10_000
	maxLogAnswer  = 1 << 20
	logEventExtra = 26 // bytes that each event counts for besides its text
)

// Logs is the part of Amazon CloudWatch Logs in which what training jobs print is
// read. There is a stream for each job that has begun. Nothing can be written.
type Logs struct{ jobs *Server }

// Logs answers for the logs of the server's jobs. It expects requests whose
// signature has been checked.
func (s *Server) Logs() *Logs { return &Logs{s} }

// Serves says whether a request with this X-Amz-Target is for it.
func (*Logs) Serves(target string) bool { return strings.HasPrefix(target, "Logs_20140328.") }

// logsInput has what any of the operations takes.
type logsInput struct {
	LogGroupName, LogGroupIdentifier, LogGroupNamePrefix   string
	LogStreamName, LogStreamNamePrefix, NextToken, OrderBy string
	FilterPattern                                          string
	LogStreamNames                                         []string
	StartTime, EndTime                                     *int64
	StartFromHead, Descending                              bool
	Limit                                                  int
}

// ServeHTTP answers one operation.
func (l *Logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, operation, _ := strings.Cut(r.Header.Get("X-Amz-Target"), ".")
	var in logsInput
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, awsjson.MaxBodyBytes))
	if err == nil && len(body) > 0 {
		err = json.Unmarshal(body, &in)
	}
	if err != nil {
		l.WriteError(w, http.StatusBadRequest, "SerializationException", err.Error())
		return
	}
	out, err := l.answer(operation, in)
	var known smithy.APIError
	if errors.As(err, &known) {
		l.WriteError(w, http.StatusBadRequest, known.ErrorCode(), known.ErrorMessage())
		return
	}
	if err != nil {
		l.WriteError(w, http.StatusInternalServerError, "ServiceUnavailableException", err.Error())
		return
	}
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	_ = json.NewEncoder(w).Encode(out) // the caller has gone if this fails
}

// WriteError answers with an exception.
func (*Logs) WriteError(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/x-amz-json-1.1")
	w.Header().Set("X-Amzn-ErrorType", code)
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"__type": code, "message": message})
}

type attributes = map[string]any

func (l *Logs) answer(operation string, in logsInput) (any, error) {
	if operation == "DescribeLogGroups" {
		return l.groups(in)
	}
	if group := cmp.Or(in.LogGroupName, in.LogGroupIdentifier[strings.LastIndexByte(in.LogGroupIdentifier, ':')+1:]); group != logGroup {
		return nil, absent("The specified log group does not exist: this machine has %s only.", logGroup)
	}
	switch operation {
	case "DescribeLogStreams":
		return l.describeStreams(in)
	case "GetLogEvents":
		return l.getEvents(in)
	case "FilterLogEvents":
		return l.filterEvents(in)
	}
	return nil, &smithy.GenericAPIError{Code: "UnknownOperationException", Message: operation + " is not served on this machine; Logs_20140328 serves DescribeLogGroups, DescribeLogStreams, FilterLogEvents, GetLogEvents"}
}

func absent(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "ResourceNotFoundException", Message: fmt.Sprintf(format, args...)}
}

func invalid(format string, args ...any) error {
	return &smithy.GenericAPIError{Code: "InvalidParameterException", Message: fmt.Sprintf(format, args...)}
}

func (l *Logs) arn() string {
	return fmt.Sprintf("arn:%s:logs:%s:%s:log-group:%s", amazon.Partition(l.jobs.config.Region), l.jobs.config.Region, l.jobs.config.Account, logGroup)
}

func (l *Logs) groups(in logsInput) (any, error) {
	found := []attributes{}
	if strings.HasPrefix(logGroup, in.LogGroupNamePrefix) {
		found = append(found, attributes{"logGroupName": logGroup, "arn": l.arn() + ":*", "logGroupArn": l.arn(), "creationTime": 0, "metricFilterCount": 0, "storedBytes": 0})
	}
	return attributes{"logGroups": found}, nil
}

// stream is the log of a job by the name that CloudWatch has for it.
type stream struct {
	name    string
	job     string
	created int64
}

// streams are those of the jobs that have begun, by name.
func (l *Logs) streams() (all []stream) {
	l.jobs.mu.Lock()
	defer l.jobs.mu.Unlock()
	for name, j := range l.jobs.jobs {
		at := *j.CreationTime
		all = append(all, stream{fmt.Sprintf("%s/algo-1-%d", name, at.Unix()), name, at.UnixMilli()})
	}
	sorting.By(all, func(a, b *stream) int { return cmp.Compare(a.name, b.name) })
	return all
}

func (l *Logs) describeStreams(in logsInput) (any, error) {
	type told struct {
		stream
		first, last, bytes int64
	}
	var all []told
	for _, s := range l.streams() {
		if !strings.HasPrefix(s.name, in.LogStreamNamePrefix) {
			continue
		}
		events, err := l.jobs.readLog(s.job)
		if err != nil {
			return nil, err
		}
		if len(events) == 0 {
			continue // it has not begun
		}
		one := told{stream: s, first: events[0].at, last: events[len(events)-1].at}
		for _, e := range events {
			one.bytes += int64(len(e.text) + logEventExtra)
		}
		all = append(all, one)
	}
	if in.OrderBy == "LastEventTime" {
		sorting.StableBy(all, func(a, b *told) int { return cmp.Compare(a.last, b.last) })
	}
	if in.Descending {
		slices.Reverse(all)
	}
	from, to, next, err := window(len(all), cmp.Or(in.Limit, 50), in.NextToken)
	if err != nil {
		return nil, err
	}
	found := []attributes{}
	for _, s := range all[from:to] {
		found = append(found, attributes{
			"logStreamName": s.name, "creationTime": s.created, "firstEventTimestamp": s.first, "lastEventTimestamp": s.last,
			"lastIngestionTime": s.last, "uploadSequenceToken": "1", "storedBytes": 0, "arn": l.arn() + ":log-stream:" + s.name,
		})
	}
	return paged(attributes{"logStreams": found}, next), nil
}

// window is the next page of so many items, and the token of the one after it;
// empty for the last.
func window(items, limit int, token string) (from, to int, next string, err error) {
	if token != "" {
		if from, err = strconv.Atoi(token); err != nil || from < 0 {
			return 0, 0, "", invalid("The specified nextToken is invalid.")
		}
	}
	from = min(from, items)
	if to = min(from+limit, items); to < items {
		next = strconv.Itoa(to)
	}
	return from, to, next, nil
}

func paged(out attributes, next string) attributes {
	if next != "" {
		out["nextToken"] = next
	}
	return out
}

// getEvents reads one stream forwards or backwards. Its tokens are positions in
// the log, which only grows; the end is told by the token that was given.
func (l *Logs) getEvents(in logsInput) (any, error) {
	all := l.streams()
	i := slices.IndexFunc(all, func(s stream) bool { return s.name == in.LogStreamName })
	if i < 0 {
		return nil, absent("The specified log stream does not exist.")
	}
	events, err := l.jobs.readLog(all[i].job)
	if err != nil {
		return nil, err
	}
	from, to, err := in.span(events)
	if err != nil {
		return nil, err
	}
	found := []attributes{}
	for _, e := range events[from:to] {
		if in.covers(e) {
			found = append(found, attributes{"timestamp": e.at, "message": e.text, "ingestionTime": e.at})
		}
	}
	return attributes{"events": found, "nextForwardToken": fmt.Sprintf("f/%d", to), "nextBackwardToken": fmt.Sprintf("b/%d", from)}, nil
}

// span is which part of a log is answered next: forwards from a position, or
// backwards to it.
func (in logsInput) span(events []logEvent) (from, to int, err error) {
	at, forward := len(events), in.StartFromHead
	if forward {
		at = 0
	}
	if way, position, _ := strings.Cut(in.NextToken, "/"); in.NextToken != "" {
		at, err = strconv.Atoi(position)
		if err != nil || at < 0 || way != "f" && way != "b" {
			return 0, 0, invalid("The specified nextToken is invalid.")
		}
		at, forward = min(at, len(events)), way == "f"
	}
	limit, bytes := min(cmp.Or(in.Limit, maxLogEvents), maxLogEvents), 0
	for from, to = at, at; to-from < limit; {
		next := to
		if !forward {
			next = from - 1
		}
		if next < 0 || next == len(events) {
			break
		}
		if bytes += len(events[next].text) + logEventExtra; bytes > maxLogAnswer && to > from {
			break
		}
		from, to = min(from, next), max(to, next+1)
	}
	return from, to, nil
}

func (in logsInput) covers(e logEvent) bool {
	return (in.StartTime == nil || e.at >= *in.StartTime) && (in.EndTime == nil || e.at < *in.EndTime)
}

// filterEvents reads many streams at once, by time. Of patterns it knows words,
// all of which a line must have.
func (l *Logs) filterEvents(in logsInput) (any, error) {
	words, err := patternWords(in.FilterPattern)
	if err != nil {
		return nil, err
	}
	type found struct {
		logEvent
		stream string
		line   int
	}
	var all []found
	for _, s := range l.streams() {
		if !strings.HasPrefix(s.name, in.LogStreamNamePrefix) || len(in.LogStreamNames) > 0 && !slices.Contains(in.LogStreamNames, s.name) {
			continue
		}
		events, err := l.jobs.readLog(s.job)
		if err != nil {
			return nil, err
		}
		for i, e := range events {
			if in.covers(e) && !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(e.text, w) }) {
				all = append(all, found{e, s.name, i})
			}
		}
	}
	sorting.StableBy(all, func(a, b *found) int { return cmp.Compare(a.at, b.at) })
	from, to, next, err := window(len(all), min(cmp.Or(in.Limit, maxLogEvents), maxLogEvents), in.NextToken)
	if err != nil {
		return nil, err
	}
	events := []attributes{}
	for i, bytes := from, 0; i < to; i++ {
		e := all[i]
		if bytes += len(e.text) + logEventExtra; bytes > maxLogAnswer && i > from {
			next = strconv.Itoa(i)
			break
		}
		events = append(events, attributes{"logStreamName": e.stream, "timestamp": e.at, "message": e.text, "ingestionTime": e.at, "eventId": fmt.Sprintf("%s/%d", e.stream, e.line)})
	}
	return paged(attributes{"events": events, "searchedLogStreams": []attributes{}}, next), nil
}

func patternWords(pattern string) ([]string, error) {
	pattern = strings.TrimSpace(pattern)
	if strings.ContainsAny(pattern, `{}[]?%`) {
		return nil, invalid("This machine filters by words, and in quotes by phrases; %s is more than that.", pattern)
	}
	if phrase, ok := strings.CutPrefix(pattern, `"`); ok && strings.HasSuffix(phrase, `"`) && strings.Count(pattern, `"`) == 2 {
		return []string{strings.TrimSuffix(phrase, `"`)}, nil
	}
	return strings.Fields(pattern), nil
}
