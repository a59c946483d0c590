//! CloudFront.

use std::collections::BTreeMap;

use firedrill_core::failover::Attachments;
use firedrill_drills::{
    Failure,
    ports::{Distribution, Distributions, Origins, Reply},
};

use super::{SimulatedAws, changed};
use crate::{
    calls::refused,
    failover::{DISTRIBUTION, DistributionConfig, Pending, Place, Shown},
};

const ORIGINS: [Place; 3] = [Place::Primary, Place::Standby, Place::Elsewhere];

impl Distributions for SimulatedAws {
    type Config = DistributionConfig;

    async fn get_distribution(&self, id: &str) -> Reply<(Distribution, DistributionConfig)> {
        const ACTION: &str = "cloudfront:GetDistribution";
        self.read(ACTION, |at| {
            if id != DISTRIBUTION.rsplit('/').next().unwrap_or_default() {
                return Err(refused(ACTION, "NoSuchDistribution"));
            }
            let Shown { config, version, deployed_at, .. } = self.world.cloud.borrow().shown(at);
            let behaviors = config.behaviors.iter();
            let distribution = Distribution {
                arn: DISTRIBUTION.to_owned(),
                etag: version.to_string(),
                deployed: at >= deployed_at,
                enabled: true,
                origins: ORIGINS.map(|origin| origin.name().to_owned()).to_vec(),
                default_origin: config.place.name().to_owned(),
                behaviors: behaviors.map(|(path, to)| (path.clone(), to.name().to_owned())).collect(),
                attachments: Attachments::default(),
            };
            let change = self.world.overrides().distribution;
            Ok((changed(change, at, distribution), config))
        })
        .await
    }

    async fn distribution_tags(&self, arn: &str) -> Reply<BTreeMap<String, String>> {
        const ACTION: &str = "cloudfront:ListTagsForResource";
        self.read(ACTION, |at| {
            (arn == DISTRIBUTION).then(|| self.tags(at)).ok_or_else(|| refused(ACTION, "NoSuchResource"))
        })
        .await
    }

    async fn update_origins(
        &self,
        mut config: DistributionConfig,
        etag: &str,
        origins: &Origins,
    ) -> Reply<()> {
        const ACTION: &str = "cloudfront:UpdateDistribution";
        if origins.is_empty() {
            return Err(Failure::not_sent(ACTION, "it would change nothing"));
        }
        for (path, origin) in origins {
            let Some(to) = ORIGINS.into_iter().find(|known| known.name() == origin) else {
                return Err(self.refuse(ACTION, "NoSuchOrigin").await);
            };
            match path {
                None => config.place = to,
                Some(path) => match config.behaviors.get_mut(path) {
                    Some(behavior) => *behavior = to,
                    None => return Err(Failure::not_sent(ACTION, "there is no such behaviour")),
                },
            }
        }
        let Ok(version) = etag.parse() else {
            return Err(self.refuse(ACTION, "InvalidIfMatchVersion").await);
        };
        if self.change.is_none() {
            self.note_undo();
            if self.world.scenario.failover.others_win_the_race {
                self.world.take_effect(Pending::OthersUpdate);
            }
        }
        self.refusal(ACTION, "AccessDenied").await?;
        self.change_cloud(ACTION, Pending::UpdateDistribution { config, version }).await
    }
}
