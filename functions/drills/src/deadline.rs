//! Deadline of a read: a look that takes several calls is given up as a whole.

use std::{pin::pin, time::Duration};

use firedrill_core::{millis, ports::Clock};
use futures_util::future::{Either, select};
use thiserror::Error;

use crate::Failure;

/// No answer came within this time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("AWS did not answer within {} ms", millis(*.0))]
pub struct Late(pub Duration);

/// Why a read, bounded by a deadline, gave no answer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum ReadError {
    /// The call failed.
    #[error(transparent)]
    Failed(#[from] Failure),
    /// The deadline passed first.
    #[error(transparent)]
    Late(#[from] Late),
}

/// Awaits a read until the deadline. For reads only: a mutating call is never dropped half-way.
///
/// # Errors
/// The deadline passed.
pub async fn within<T>(
    clock: &impl Clock,
    deadline: Duration,
    read: impl Future<Output = T>,
) -> Result<T, Late> {
    match select(pin!(read), pin!(clock.sleep(deadline))).await {
        Either::Left((answer, _)) => Ok(answer),
        Either::Right(_) => Err(Late(deadline)),
    }
}

/// Awaits calls that may fail until the deadline.
///
/// # Errors
/// A call failed, or the deadline passed.
pub async fn read_within<T>(
    clock: &impl Clock,
    deadline: Duration,
    read: impl Future<Output = Result<T, Failure>>,
) -> Result<T, ReadError> {
    Ok(within(clock, deadline, read).await??)
}
