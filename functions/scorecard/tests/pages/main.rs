//! The published pages, looked at as a browser would: parsed, and asked what they show.

mod cards;
mod dom;
mod drawings;
mod fixture;
mod hostile;
mod html;
mod run_page;
mod scorecard_page;
mod widget;
