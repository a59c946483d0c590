//! The record and AWS in memory, as far as publishing needs them.

use std::{
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
};

use firedrill_core::{
    Request, Run, Timestamp,
    failover::JournalEntry,
    ports::StoreError,
    result::{DrillKey, DrillResult},
    run::RunId,
};
use firedrill_drills::failure::{Answer, Failure};
use firedrill_scorecard::{
    ports::{
        Bucket, EventBus, EventRule, EventRules, ListedSchedule, Marker, Next, NoticeTopic, Page, Parameter,
        Parameters, Record, Reply, RuleTarget, RunEvidence, Schedule, Schedules, Subscribers, Subscription,
        Token,
    },
    render::SiteFile,
};
use serde_json::Value;

/// The results of a drill, the newest first, made as they are read.
pub type Results = Box<dyn Fn() -> Box<dyn Iterator<Item = Value>>>;

pub struct World {
    pub results: BTreeMap<DrillKey, Results>,
    pub runs: BTreeMap<RunId, (Run, Request, RunEvidence)>,
    pub open: Vec<RunId>,
    pub journal: Vec<JournalEntry>,
    /// Schedules by their name, all in the group `default`.
    pub schedules: BTreeMap<String, Schedule>,
    pub rules: BTreeMap<String, (EventRule, Vec<RuleTarget>)>,
    pub parameters: Vec<Parameter>,
    pub subscriptions: Vec<Subscription>,
    /// How many things are on one page.
    pub page_size: usize,
    /// The calls that fail, as `calls` has them.
    pub failing: RefCell<BTreeSet<String>>,
    /// Every call in its order, such as `head staging/bookstore/blue/1`.
    pub calls: RefCell<Vec<String>>,
    pub files: RefCell<Vec<SiteFile>>,
    pub markers: RefCell<BTreeMap<String, Marker>>,
    /// How many results were read, and how many bytes of them.
    pub read: Cell<(usize, usize)>,
    /// The subjects of what was sent to the topic, and the detail types of what was put on the bus.
    pub sent: RefCell<Vec<String>>,
}

impl Default for World {
    fn default() -> Self {
        Self {
            results: BTreeMap::new(),
            runs: BTreeMap::new(),
            open: Vec::new(),
            journal: Vec::new(),
            schedules: BTreeMap::new(),
            rules: BTreeMap::new(),
            parameters: Vec::new(),
            subscriptions: Vec::new(),
            page_size: 100,
            failing: RefCell::default(),
            calls: RefCell::default(),
            files: RefCell::default(),
            markers: RefCell::default(),
            read: Cell::default(),
            sent: RefCell::default(),
        }
    }
}

impl World {
    /// Sets the results of one drill, in any order.
    pub fn set_results(&mut self, mut results: Vec<DrillResult>) {
        results.sort_by_key(|result| std::cmp::Reverse(result.finished));
        let key = results[0].key();
        let items: Vec<Value> = results.iter().map(|result| serde_json::to_value(result).unwrap()).collect();
        self.results.insert(key, Box::new(move || Box::new(items.clone().into_iter())));
    }

    /// Makes this call fail from now on, and no other.
    pub fn fail(&self, call: &str) {
        *self.failing.borrow_mut() = BTreeSet::from([call.to_owned()]);
    }

    pub fn fail_nothing(&self) {
        self.failing.borrow_mut().clear();
    }

    /// The last content of a file; panics if it was not written.
    pub fn file(&self, path: &str) -> String {
        let files = self.files.borrow();
        files.iter().rfind(|file| file.path == path).unwrap_or_else(|| panic!("no {path}")).body.clone()
    }

    /// Whether the call fails.
    fn called(&self, call: String) -> bool {
        let fails = self.failing.borrow().contains(&call);
        self.calls.borrow_mut().push(call);
        fails
    }

    fn aws(&self, action: &'static str, call: String) -> Reply<()> {
        let answer = Answer::Error { code: "InternalFailure".to_owned(), status: 500 };
        if self.called(call) {
            Err(Failure { action, answer, message: "it broke".to_owned() })
        } else {
            Ok(())
        }
    }

    fn store(&self, call: String) -> Result<(), StoreError> {
        if self.called(call) { Err(StoreError::Unknown("it broke".to_owned())) } else { Ok(()) }
    }

    fn page<T: Clone>(&self, all: &[T], next: Next<'_>) -> Page<T> {
        let from: usize = next.map_or(0, |token| token.0.parse().unwrap());
        let until = all.len().min(from + self.page_size);
        let next = (until < all.len()).then(|| Token(until.to_string()));
        Page { items: all[from..until].to_vec(), next }
    }
}

impl Record for World {
    async fn drills(&self) -> Result<Vec<DrillKey>, StoreError> {
        self.store("drills".to_owned())?;
        Ok(self.results.keys().cloned().collect())
    }

    async fn results(
        &self,
        drill: &DrillKey,
        since: Timestamp,
        most: usize,
    ) -> Result<Vec<Value>, StoreError> {
        self.store(format!("results {drill}"))?;
        let is_since = |item: &Value| item["fin"].as_str().unwrap().parse::<Timestamp>().unwrap() >= since;
        let items: Vec<Value> = self.results[drill]().take_while(is_since).take(most).collect();
        let bytes: usize = items.iter().map(|item| item.to_string().len()).sum();
        let (read, read_bytes) = self.read.get();
        self.read.set((read + items.len(), read_bytes + bytes));
        Ok(items)
    }

    async fn open(&self) -> Result<Vec<RunId>, StoreError> {
        self.store("open".to_owned())?;
        Ok(self.open.clone())
    }

    async fn head(&self, id: &RunId) -> Result<Option<Run>, StoreError> {
        self.store(format!("head {id}"))?;
        Ok(self.runs.get(id).map(|(run, ..)| run.clone()))
    }

    async fn request(&self, id: &RunId) -> Result<Option<Request>, StoreError> {
        self.store(format!("request {id}"))?;
        Ok(self.runs.get(id).map(|(_, request, _)| request.clone()))
    }

    async fn evidence(&self, id: &RunId) -> Result<RunEvidence, StoreError> {
        self.store(format!("evidence {id}"))?;
        Ok(self.runs.get(id).map(|(.., evidence)| evidence.clone()).unwrap_or_default())
    }

    async fn journal(&self, alarm_arn: &str, since: Timestamp) -> Result<Vec<JournalEntry>, StoreError> {
        self.store(format!("journal {alarm_arn}"))?;
        let of_alarm = |entry: &&JournalEntry| entry.alarm_arn == alarm_arn && entry.at >= since;
        Ok(self.journal.iter().filter(of_alarm).cloned().collect())
    }

    async fn mark(&self, marker: &Marker) -> Result<bool, StoreError> {
        let key = format!("{}#{}#{}", marker.kind, marker.drill, marker.occasion);
        self.store(format!("mark {}", marker.kind))?;
        let mut markers = self.markers.borrow_mut();
        let is_new = !markers.contains_key(&key);
        markers.entry(key).or_insert_with(|| marker.clone());
        Ok(is_new)
    }
}

impl Schedules for World {
    async fn list_schedules(&self, next: Next<'_>) -> Reply<Page<ListedSchedule>> {
        self.aws("scheduler:ListSchedules", "list_schedules".to_owned())?;
        let listed = |(name, schedule): (&String, &Schedule)| ListedSchedule {
            group: "default".to_owned(),
            name: name.clone(),
            target_arn: schedule.target_arn.clone(),
        };
        Ok(self.page(&self.schedules.iter().map(listed).collect::<Vec<_>>(), next))
    }

    async fn get_schedule(&self, _group: &str, name: &str) -> Reply<Schedule> {
        self.aws("scheduler:GetSchedule", format!("get_schedule {name}"))?;
        Ok(self.schedules[name].clone())
    }
}

impl EventRules for World {
    async fn rule_names_by_target(&self, target_arn: &str, next: Next<'_>) -> Reply<Page<String>> {
        self.aws("events:ListRuleNamesByTarget", format!("rule_names_by_target {target_arn}"))?;
        let has = |(_, (_, targets)): &(&String, &(EventRule, Vec<RuleTarget>))| {
            targets.iter().any(|target| target.arn == target_arn)
        };
        let names: Vec<String> = self.rules.iter().filter(has).map(|(name, _)| name.clone()).collect();
        Ok(self.page(&names, next))
    }

    async fn describe_rule(&self, name: &str) -> Reply<EventRule> {
        self.aws("events:DescribeRule", format!("describe_rule {name}"))?;
        Ok(self.rules[name].0.clone())
    }

    async fn targets_by_rule(&self, name: &str, next: Next<'_>) -> Reply<Page<RuleTarget>> {
        self.aws("events:ListTargetsByRule", format!("targets_by_rule {name}"))?;
        Ok(self.page(&self.rules[name].1, next))
    }
}

impl Parameters for World {
    async fn parameters_by_path(&self, path: &str, next: Next<'_>) -> Reply<Page<Parameter>> {
        self.aws("ssm:GetParametersByPath", "parameters_by_path".to_owned())?;
        assert_eq!(path, "/firedrill/applications");
        Ok(self.page(&self.parameters, next))
    }
}

impl Subscribers for World {
    async fn subscriptions(&self, next: Next<'_>) -> Reply<Page<Subscription>> {
        self.aws("sns:ListSubscriptionsByTopic", "subscriptions".to_owned())?;
        Ok(self.page(&self.subscriptions, next))
    }
}

impl Bucket for World {
    async fn put_object(&self, file: &SiteFile) -> Reply<()> {
        self.aws("s3:PutObject", format!("put_object {}", file.path))?;
        self.files.borrow_mut().push(file.clone());
        Ok(())
    }
}

impl NoticeTopic for World {
    async fn publish(&self, subject: &str, _text: &str) -> Reply<()> {
        self.aws("sns:Publish", "publish".to_owned())?;
        self.sent.borrow_mut().push(subject.to_owned());
        Ok(())
    }
}

impl EventBus for World {
    async fn put_event(&self, detail_type: &str, detail: &Value, _at: Timestamp) -> Reply<()> {
        self.aws("events:PutEvents", "put_event".to_owned())?;
        assert!(detail["id"].is_string(), "{detail}");
        self.sent.borrow_mut().push(detail_type.to_owned());
        Ok(())
    }
}
