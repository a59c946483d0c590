//! Consistency checks of the repository: schema, events, templates, roles, layout, words.

mod build;
mod deployed;
mod events;
mod layout;
mod pages;
mod published;
mod roles;
mod schedules;
mod whole;

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::Value;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: impl AsRef<Path>) -> String {
    let path = root().join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file that belongs to the project, from its root.
fn files() -> Vec<PathBuf> {
    fn walk(at: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let skipped = ["target", ".git", ".aws-sam", "__pycache__"].iter().any(|skip| name == *skip);
            if skipped {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                walk(&entry.path(), found);
            } else {
                found.push(entry.path().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(&root(), &mut found);
    found.sort();
    found
}

fn event(name: &str) -> Value {
    let text = read(format!("events/{name}.json"));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("events/{name}.json: {error}"))
}

/// One resource of the template, without comments.
fn resource(template: &str, name: &str) -> String {
    let mut lines = template.lines().skip_while(|line| *line != format!("  {name}:"));
    let Some(first) = lines.next() else { return String::new() };
    let inside = lines.take_while(|line| line.starts_with("   ") || line.trim().is_empty());
    // A comment begins after a space: keys of items and URLs hold the sign, too.
    let bare = |line: &str| line.split(" #").next().unwrap_or_default().trim_end().to_owned() + "\n";
    std::iter::once(first).chain(inside).map(bare).collect()
}
