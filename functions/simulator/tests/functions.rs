//! Failover functions: each by itself, with real events, in virtual time. What its alarm, AWS and the journal do is the
//! test's.

mod functions {
    mod alarm;
    mod check;
    mod configuration;
    mod database;
    mod distribution;
    mod order;
    mod ways;
    mod whatever;
}
