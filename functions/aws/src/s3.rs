//! S3: writes the files of the scorecard into the stack's bucket.

use aws_config::SdkConfig;
use aws_sdk_s3::{
    Client, config, operation::put_object::builders::PutObjectFluentBuilder, primitives::ByteStream,
};
use firedrill_scorecard::{
    ports::{Bucket, Reply},
    render::SiteFile,
};

use crate::{
    client::{Connection, failure},
    scorecard::ScorecardCloud,
};

/// For how long a browser or a CDN may show a page without asking again, in seconds.
const CACHE_CONTROL: &str = "max-age=60";

/// The bucket into which is published.
#[derive(Clone, Debug)]
pub struct SiteBucket {
    client: Client,
    name: String,
}

impl SiteBucket {
    /// The bucket of this name in the home Region. Its calls may be sent again: a file that is written twice is the same file.
    #[must_use]
    pub fn new(connection: &Connection, name: &str) -> Self {
        Self { client: client(&connection.reads), name: name.to_owned() }
    }

    fn put(&self, file: &SiteFile) -> PutObjectFluentBuilder {
        self.client
            .put_object()
            .bucket(&self.name)
            .key(&file.path)
            .content_type(file.content_type)
            .cache_control(CACHE_CONTROL)
            .body(ByteStream::from(file.body.clone().into_bytes()))
    }
}

impl Bucket for ScorecardCloud {
    async fn put_object(&self, file: &SiteFile) -> Reply<()> {
        self.bucket.put(file).send().await.map(drop).map_err(failure("s3:PutObject"))
    }
}

/// A client that names the bucket in the path if the environment names one endpoint for every service
/// (`AWS_ENDPOINT_URL`): the bucket's name before such a host need not resolve.
fn client(connection: &SdkConfig) -> Client {
    let has_endpoint = connection.endpoint_url().is_some();
    Client::from_conf(config::Builder::from(connection).force_path_style(has_endpoint).build())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::{BehaviorVersion, Region};

    use super::*;

    fn bucket() -> SiteBucket {
        let loaded = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-west-2"))
            .build();
        SiteBucket::new(&Connection::over(&loaded, Duration::from_secs(10)), "firedrill-scorecard")
    }

    #[test]
    fn a_file_is_put_with_its_type_and_is_never_cached_for_long() {
        let file = SiteFile::page("runs/a.html".to_owned(), "<html>".to_owned());
        let call = bucket().put(&file);
        assert_eq!(call.get_bucket().as_deref(), Some("firedrill-scorecard"));
        assert_eq!(call.get_key().as_deref(), Some("runs/a.html"));
        assert_eq!(call.get_content_type().as_deref(), Some("text/html; charset=utf-8"));
        assert_eq!(call.get_cache_control().as_deref(), Some("max-age=60"));
        assert_eq!(call.get_body().as_ref().and_then(ByteStream::bytes), Some("<html>".as_bytes()));
    }
}
