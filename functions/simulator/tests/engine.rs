//! The engine: dispatch, run loop and watchdog, on the simulator's record and with the real instance drill, in virtual time. A
//! test leaves runs behind, invokes functions, and does what operators do; it lets looks hang or panic, and calls fail.

mod engine {
    mod commands;
    mod common;
    mod control_state;
    mod dispatch;
    mod flapping;
    mod long;
    mod watchdog;
}
