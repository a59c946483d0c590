//! Render: the published pages, made from the record and from the scorecard.
//!
//! A page is one HTML file: no script, no request leaves it, its style lies in it. What the templates are given is
//! already words and coordinates; a template decides nothing. Text of callers and of AWS is shown through one type
//! only, which bounds, escapes and isolates it.

mod listed;
pub(crate) mod moment;
mod page;
pub(crate) mod path;
mod run;
mod scale;
mod scorecard;
mod site;
mod state;
pub(crate) mod text;
mod widget;

pub use page::Published;
pub use path::run_path;
pub use run::{RunRecord, run_page};
pub use scorecard::RunPages;
pub use site::{SiteFile, site};
pub use widget::widget;
