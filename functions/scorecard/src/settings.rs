//! Settings: what the stack tells the functions that publish.

use std::collections::BTreeSet;

use firedrill_core::Tristate;

use crate::render::text::web_link;

/// What the functions that publish are told by their stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// The stack, as its metrics name it.
    pub stack: String,
    /// The ARNs of the drill functions, without a version or an alias.
    pub drill_function_arns: Vec<String>,
    /// The path of the parameters in which applications declare themselves, such as `/firedrill/applications`: the last part of
    /// a parameter's name is the application.
    pub declarations_path: String,
    /// The environments that are not production. Every other one is.
    pub non_production_environments: BTreeSet<String>,
    /// Whether the scorecard is published where team and stakeholders read it.
    pub page_published: Tristate,
    /// The version of Firedrill, such as `0.4.0`.
    pub version: String,
    /// Where links to the site lead.
    pub links: Links,
}

/// Where links to the site lead: to what serves it, else to the S3 console, which asks who wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Links {
    /// The address of what serves the site (`ScorecardBaseUrl`); none if nothing does. One that is no web address counts as none.
    pub base_url: Option<String>,
    /// The bucket into which is published.
    pub bucket: String,
    /// Its Region.
    pub region: String,
}

impl Links {
    /// The link to a file of the site, such as `runs/staging-bookstore-cdn-0a1b2c.html`.
    #[must_use]
    pub fn to(&self, path: &str) -> String {
        let base_url = self.base_url.as_deref().and_then(web_link);
        base_url
            .map_or_else(|| self.in_console(path), |base| format!("{}/{path}", base.trim_end_matches('/')))
    }

    /// The link to a place on a page of the site. The console knows no such places.
    pub(crate) fn to_place(&self, path: &str, id: &str) -> String {
        let link = self.to(path);
        if self.base_url.as_deref().and_then(web_link).is_some() { format!("{link}#{id}") } else { link }
    }

    /// The page of the S3 console about an object (user guide of S3, *Viewing object properties*; hosts: user guide of the
    /// console, *AWS Management Console endpoints*). Paths of files hold nothing that a URL escapes.
    fn in_console(&self, path: &str) -> String {
        let Self { bucket, region, .. } = self;
        let host = match region.split('-').next() {
            Some("cn") => "console.amazonaws.cn",
            Some("eusc") => "console.amazonaws-eusc.eu",
            _ if region.starts_with("us-gov-") => "console.amazonaws-us-gov.com",
            _ => "console.aws.amazon.com",
        };
        format!("https://{region}.{host}/s3/object/{bucket}?region={region}&prefix={path}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(base_url: Option<&str>, region: &str) -> String {
        let base_url = base_url.map(str::to_owned);
        Links { base_url, bucket: "results".to_owned(), region: region.to_owned() }.to("runs/a.html")
    }

    #[test]
    fn a_link_never_leads_to_another_partition_or_below_the_wrong_address() {
        assert_eq!(link(Some("https://a.example/x"), "eu-west-2"), "https://a.example/x/runs/a.html");
        assert_eq!(link(Some("https://a.example/"), "eu-west-2"), "https://a.example/runs/a.html");
        for (region, host) in [
            ("eu-west-2", "eu-west-2.console.aws.amazon.com"),
            ("cn-north-1", "cn-north-1.console.amazonaws.cn"),
            ("us-gov-west-1", "us-gov-west-1.console.amazonaws-us-gov.com"),
            ("eusc-de-east-1", "eusc-de-east-1.console.amazonaws-eusc.eu"),
        ] {
            for base_url in [None, Some(""), Some("javascript:alert(1)")] {
                let wanted = format!("https://{host}/s3/object/results?region={region}&prefix=runs/a.html");
                assert_eq!(link(base_url, region), wanted);
            }
        }
    }
}
