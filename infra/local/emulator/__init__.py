"""AWS on this machine: the emulators ministack and moto behind one port of 127.0.0.1.

Where to look:
  environment  what a process here may know of its host: nothing
  server       the process: its start, its one line on stdout, its end
  gateway      one request: who asks for what, the log, injected faults, ministack or moto
  identify     reads caller, service, action and resource from a request of any AWS protocol
  calls        the call log
  faults       injected faults, and an error in each protocol's words
  control      /_local/...: calls, faults, transitions, instances, distributions, databases,
               deliveries and messages
  motobridge   moto without a socket, under one lock
  clock        a thing to be done later, and a thing to be done regularly
  instances    EC2 states that take time; what the EC2 API cannot be told
  groups       Auto Scaling replaces members; target health follows
  paging       pages where moto answers everything at once
  functions    Lambda workers: environment, logs, asynchronous invocation
  schedules    EventBridge Scheduler and rules, InputTransformer paths
  deliveries   events on their way to functions: SNS's repetitions, held back, dropped, repeated
  metrics      CloudWatch's metrics as alarms look at them
  embedded     metrics in what a function prints
  alarms       CloudWatch alarms: evaluation, history, actions
  alarmmessages  what CloudWatch says of a change: to SNS, to a function, to EventBridge
  mutes        alarm mute rules
  healthchecks   Route 53 health checks, so that SDKs can read them
  distributions  CloudFront: a change reaches the edges, and is deployed, after a while
  databases    RDS: failovers take time, change zones, cool down and are told in events
  keys         the KMS key that AWS manages
  stacks       CloudFormation: machines are made in moto
  properties   CloudFormation: properties that ministack drops
  deploy       what `sam package` and `sam deploy` do, against this machine only
  selfcheck    asserts that the stand-ins behave as AWS does; selfcheck_failover is its part about failovers

Everything here is a stand-in. Each says what it stands in for.
"""
