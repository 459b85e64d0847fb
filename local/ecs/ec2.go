package ecs

import (
	"encoding/xml"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// ec2Instance is what EC2 tells of an instance here.
type ec2Instance struct {
	ID      string `xml:"instanceId"`
	Type    string `xml:"instanceType"`
	Address string `xml:"privateIpAddress"`
	DNS     string `xml:"privateDnsName"`
}

// ServeEC2 answers DescribeInstances, the one call of EC2's that tells where a
// container instance is: this machine. The caller has been let in.
func (s *Server) ServeEC2(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	r.Body = http.MaxBytesReader(w, r.Body, 1<<20)
	if err := r.ParseForm(); err != nil {
		WriteEC2Error(w, http.StatusBadRequest, "MalformedQueryString", err.Error())
		return
	}
	if action := r.PostForm.Get("Action"); action != "DescribeInstances" {
		WriteEC2Error(w, http.StatusBadRequest, "InvalidAction", "The action "+action+" is not served on this machine; of EC2 it has DescribeInstances.")
		return
	}
	var wanted []string // all where none is named
	for name, values := range r.PostForm {
		if strings.HasPrefix(name, "InstanceId.") || strings.HasPrefix(name, "Filter.1.Value.") {
			wanted = append(wanted, values...)
		}
	}
	var found []ec2Instance
	for _, zone := range s.config.Zones {
		if id := instanceID(zone); len(wanted) == 0 || slices.Contains(wanted, id) {
			found = append(found, ec2Instance{id, instanceType, hostAddress, "ip-127-0-0-1.ec2.internal"})
		}
	}
	_ = xml.NewEncoder(w).Encode(struct { // the caller has gone if this fails
		XMLName   xml.Name      `xml:"http://ec2.amazonaws.com/doc/2016-11-15/ DescribeInstancesResponse"`
		Instances []ec2Instance `xml:"reservationSet>item>instancesSet>item"`
	}{Instances: found})
}

// WriteEC2Error refuses as EC2 does.
func WriteEC2Error(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "text/xml;charset=UTF-8")
	w.WriteHeader(status)
	var text strings.Builder
	_ = xml.EscapeText(&text, []byte(message)) // a builder takes everything
	_, _ = fmt.Fprintf(w, "<Response><Errors><Error><Code>%s</Code><Message>%s</Message></Error></Errors><RequestID>local</RequestID></Response>", code, text.String())
}

// hostAddress is where this machine is.
const hostAddress = "127.0.0.1"

func instanceID(zone string) string { return "i-" + zone }
