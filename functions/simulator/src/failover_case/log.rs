//! Log: what the function logged, line by line.

use std::{
    cell::RefCell,
    fmt::{Debug, Write as _},
    rc::Rc,
    sync::{Arc, Mutex},
};

use tracing::{
    Event, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Id, Record},
    subscriber::with_default,
};

/// One line of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// Its level.
    pub level: Level,
    /// Its message and its fields, as `name=value`.
    pub text: String,
}

/// Runs `work`, and adds what it logs to `log`.
pub(super) fn collected(log: &Rc<RefCell<Vec<LogLine>>>, work: impl FnOnce()) {
    let lines = Lines::default();
    with_default(lines.clone(), work);
    let mut lines = lines.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    log.borrow_mut().append(&mut lines);
}

#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<LogLine>>>);

/// Spans are not looked at: no function opens one.
impl Subscriber for Lines {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        *metadata.level() <= Level::INFO
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut text = Text::default();
        event.record(&mut text);
        let line = LogLine { level: *event.metadata().level(), text: text.0 };
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(line);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[derive(Default)]
struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let separator = if self.0.is_empty() { "" } else { " " };
        // Writing to a string cannot fail.
        let _ = if field.name() == "message" {
            write!(self.0, "{separator}{value:?}")
        } else {
            write!(self.0, "{separator}{}={value:?}", field.name())
        };
    }
}
