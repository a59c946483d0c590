//! What is not asked at every look.

/// Does it only if it is due. Boxed: each of these futures holds several calls.
pub(crate) async fn when_due<T>(due: bool, work: impl Future<Output = T>) -> Option<T> {
    if due { Some(Box::pin(work).await) } else { None }
}
