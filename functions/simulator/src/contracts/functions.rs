//! Lambda's API: the functions behind an alarm.

use firedrill_drills::ports::{Functions, Invoker};

use super::refusal;

/// The function that a suite reads.
#[derive(Clone, Debug)]
pub struct FunctionSubject {
    /// Its Region.
    pub region: String,
    /// Its ARN.
    pub arn: String,
    /// Its timeout.
    pub timeout_seconds: u32,
    /// One of its environment variables.
    pub variable: (String, String),
    /// Its reserved concurrency; none if it is not set.
    pub reserved: Option<i32>,
    /// The ARN of a function that does not exist.
    pub missing: String,
}

/// The suite of [`Invoker`]. Starts the function `name`.
///
/// # Panics
/// A promise is broken.
pub async fn invoker(aws: &impl Invoker, name: &str) {
    assert_eq!(aws.invoke_async(name).await, Ok(()));
    assert_eq!(refusal(aws.invoke_async("nobody").await), "ResourceNotFoundException");
}

/// The suite of [`Functions`].
///
/// # Panics
/// A promise is broken.
pub async fn functions(aws: &impl Functions, of: &FunctionSubject) {
    let read = aws.function_configuration(&of.region, &of.arn).await.unwrap();
    assert_eq!((read.timeout_seconds, read.active), (Some(of.timeout_seconds), true));
    let (name, value) = &of.variable;
    assert_eq!(read.environment.get(name), Some(value));
    assert_eq!(aws.reserved_concurrency(&of.region, &of.arn).await, Ok(of.reserved));
    let none = "ResourceNotFoundException";
    assert_eq!(refusal(aws.function_configuration(&of.region, &of.missing).await), none);
    assert_eq!(refusal(aws.reserved_concurrency(&of.region, &of.missing).await), none);
}
