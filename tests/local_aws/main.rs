//! Instance drills and the watchdog on local AWS: the real binaries, under a real Lambda runtime API, deployed with the
//! template that users deploy, with AWS's real protocols.

mod deployed;
mod failures;
mod fixture;
mod long;
mod runs;
mod standins;
mod watchdog;
