//! Scenarios: one history each, in which one thing is not as it should be. The real engine and drills, in virtual time.

mod scenarios {
    mod alarm;
    mod cut;
    mod hand_over;
    mod instance;
    mod looks;
    mod no_answer;
    mod operators;
    mod people;
    mod plan;
    mod played;
    mod refusals;
    mod stuck;
    mod wiring;
}
