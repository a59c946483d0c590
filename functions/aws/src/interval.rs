//! Reads that are not made at every look, because they are polled at an interval of their own.

/// Awaits this work if it is due. Boxed, because each of these futures holds those of several calls.
pub(crate) async fn when_due<T>(due: bool, work: impl Future<Output = T>) -> Option<T> {
    if due { Some(Box::pin(work).await) } else { None }
}
