"""Local AWS: the emulators ministack and moto behind one port of 127.0.0.1.

Where to look:
  environment  the environment of each process, cleared of the host's
  server       the process: its start, its one line on stdout, its end
  gateway      one request: identified, logged, hit by an injected fault, answered by ministack or moto
  identify     reads caller, service, action and resource from a request of any AWS protocol
  calls        the call log
  faults       injected faults, and an error in the format of each protocol
  control      /_local/...: calls, faults, transitions, instances, distributions, databases,
               deliveries and messages
  motobridge   moto without a socket, under one lock
  clock        callbacks at a time, and at an interval
  instances    EC2 states that take time; attributes that no EC2 call can set
  groups       Auto Scaling replaces members; target health follows
  paging       paged answers where moto answers everything at once
  functions    Lambda workers: environment, logs, asynchronous invocation
  schedules    EventBridge Scheduler and rules, InputTransformer paths
  deliveries   deliveries of events to functions: retried, held back, dropped, repeated
  metrics      CloudWatch's metrics as alarms evaluate them
  embedded     metrics in a function's log, in the embedded metric format
  alarms       CloudWatch alarms: evaluation, history, actions
  alarmmessages  CloudWatch's messages about a change: to SNS, to a function, to EventBridge
  mutes        alarm mute rules
  healthchecks   Route 53 health checks, so that SDKs can read them
  distributions  CloudFront: a change reaches the edges, and is deployed, after some time
  databases    RDS: failovers take time, change zones, cool down and are reported in events
  keys         the KMS key that AWS manages
  stacks       CloudFormation: EC2 resources are created in moto
  properties   CloudFormation: properties that ministack drops
  deploy       stands in for `sam package` and `sam deploy`, against this machine only
  selfcheck    asserts that the stand-ins behave as AWS does; selfcheck_failover does so for failovers

Every module here is a stand-in. Its docstring says what it stands in for.
"""
