#!/usr/bin/env bash
# cfn-lint sees that a port is no port, unless the port is written as CloudFormation wants it: in quotes.
#
# One would expect: a linter that knows the range of ports, and of a time-out,
# looks at every place where a template names one.
# What happens: "Port: 90900" of a target group is an error, since that property
# is a number. "HealthCheckPort: '90920'" of the same target group passes without
# a word, and so does a TCP idle time-out of 30 s, which a load balancer takes
# from 60 to 6000 s: both properties are text in CloudFormation, and nobody
# looks into the text. The exit code is 0.
# Versions: cfn-lint 1.58.0.
# Why it matters: such a template is found out by the deployment, which rolls
# back after minutes; and in the update of a running service, at night.
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cd "$dir"
python3 -m venv venv
venv/bin/pip install -q cfn-lint==1.58.0 2>log || { cat log; exit 1; }
venv/bin/cfn-lint --version

# lint writes a template and says what is found in it. Arguments: the target
# group's port, its health check's port, the listener's idle time-out.
lint() {
  cat >template.yaml <<YAML
AWSTemplateFormatVersion: "2010-09-09"
Resources:
  Balancer:
    Type: AWS::ElasticLoadBalancingV2::LoadBalancer
    Properties: {Type: network, Scheme: internal, Subnets: [subnet-0123456789abcdef0]}
  Group:
    Type: AWS::ElasticLoadBalancingV2::TargetGroup
    Properties:
      {Protocol: TCP, Port: $1, VpcId: vpc-0123456789abcdef0, HealthCheckProtocol: HTTP, HealthCheckPath: /ready, HealthCheckPort: "$2"}
  Listener:
    Type: AWS::ElasticLoadBalancingV2::Listener
    Properties:
      LoadBalancerArn: !Ref Balancer
      Protocol: TCP
      Port: 9090
      DefaultActions: [{Type: forward, TargetGroupArn: !Ref Group}]
      ListenerAttributes: [{Key: tcp.idle_timeout.seconds, Value: "$3"}]
YAML
  local status=0
  venv/bin/cfn-lint --format parseable template.yaml >found || status=$?
  echo "port $1, health check port \"$2\", idle time-out \"$3\": exit code $status, $(wc -l <found) found"
  cut -d: -f6- found
  return $status
}

changed() { echo "changed: $1"; exit 1; }
lint 9090 9092 350 || changed "a sound template is no longer passed"
! lint 90900 9092 350 || changed "a number that is no port is passed"
lint 9090 90920 350 || changed "a port in quotes is looked at"
lint 9090 9092 30 || changed "a time-out in quotes is looked at"
