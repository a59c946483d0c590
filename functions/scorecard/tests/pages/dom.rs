//! A page as an HTML parser reads it, to be asked with CSS selectors.

use html5ever::{
    ParseOpts, QualName, local_name, ns, parse_document, parse_fragment, tendril::TendrilSink as _,
};
use markup5ever_rcdom::{Handle, NodeData, RcDom};
use simplecss::{AttributeOperator, PseudoClass, Selector};

/// One node: an element, or the text between two.
struct Node {
    parent: Option<usize>,
    /// The element's name; empty for a text.
    name: String,
    attributes: Vec<(String, String)>,
    text: String,
}

/// A parsed page, in document order.
pub struct Page {
    nodes: Vec<Node>,
    /// What the parser had to mend.
    pub errors: Vec<String>,
}

/// One element of a page.
#[derive(Clone, Copy)]
pub struct Element<'a> {
    page: &'a Page,
    index: usize,
}

impl Page {
    /// A whole document.
    pub fn document(source: &str) -> Self {
        Self::of(&parse_document(RcDom::default(), ParseOpts::default()).one(source))
    }

    /// What stands in the body of a page.
    pub fn fragment(source: &str) -> Self {
        let body = QualName::new(None, ns!(html), local_name!("body"));
        Self::of(&parse_fragment(RcDom::default(), ParseOpts::default(), body, Vec::new(), false).one(source))
    }

    fn of(dom: &RcDom) -> Self {
        let errors = dom.errors.borrow().iter().map(ToString::to_string).collect();
        let mut page = Self { nodes: Vec::new(), errors };
        page.add(&dom.document, None);
        page
    }

    fn add(&mut self, node: &Handle, parent: Option<usize>) {
        let mut of_children = parent;
        let (name, attributes, text) = match &node.data {
            NodeData::Element { name, attrs, .. } => {
                of_children = Some(self.nodes.len());
                let attributes = attrs.borrow();
                let attributes = attributes.iter().map(|attribute| {
                    let prefix = attribute.name.prefix.as_ref().map(|prefix| format!("{prefix}:"));
                    let name = format!("{}{}", prefix.unwrap_or_default(), attribute.name.local);
                    (name, attribute.value.to_string())
                });
                (name.local.to_string(), attributes.collect(), String::new())
            }
            NodeData::Text { contents } => (String::new(), Vec::new(), contents.borrow().to_string()),
            _ => (String::new(), Vec::new(), String::new()),
        };
        if !name.is_empty() || !text.is_empty() {
            self.nodes.push(Node { parent, name, attributes, text });
        }
        for child in node.children.borrow().iter() {
            self.add(child, of_children);
        }
    }

    /// The elements that a selector finds: simple selectors, their combinations, and lists of those.
    pub fn all(&self, css: &str) -> Vec<Element<'_>> {
        let selectors: Vec<_> = css
            .split(',')
            .map(|one| Selector::parse(one.trim()).unwrap_or_else(|| panic!("{one} is no selector")))
            .collect();
        let elements = (0..self.nodes.len()).map(|index| Element { page: self, index });
        let is_found = |of: &Element<'_>| selectors.iter().any(|selector| selector.matches(of));
        elements.filter(|of| !of.name().is_empty() && is_found(of)).collect()
    }
}

impl<'a> Element<'a> {
    fn node(self) -> &'a Node {
        &self.page.nodes[self.index]
    }

    /// Its name.
    pub fn name(self) -> &'a str {
        &self.node().name
    }

    /// The value of one of its attributes.
    pub fn attr(self, name: &str) -> Option<&'a str> {
        self.attributes().find_map(|(of, value)| (of == name).then_some(value))
    }

    /// Its attributes.
    pub fn attributes(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.node().attributes.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The elements in it that a selector finds.
    pub fn all(self, css: &str) -> Vec<Self> {
        self.page.all(css).into_iter().filter(|found| self.holds(found.index)).collect()
    }

    /// Its text, as somebody reads it: with single spaces.
    pub fn text(self) -> String {
        // What an element holds follows it without a gap.
        let inside = (self.index + 1..self.page.nodes.len()).take_while(|index| self.holds(*index));
        let text = inside.map(|index| self.page.nodes[index].text.as_str()).collect::<Vec<_>>().join(" ");
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    fn holds(self, index: usize) -> bool {
        let above = std::iter::successors(Some(index), |index| self.page.nodes[*index].parent);
        above.skip(1).any(|above| above == self.index)
    }
}

impl simplecss::Element for Element<'_> {
    fn parent_element(&self) -> Option<Self> {
        self.node().parent.map(|index| Element { index, ..*self })
    }

    fn prev_sibling_element(&self) -> Option<Self> {
        let parent = self.node().parent;
        let before = (0..self.index).rev().map(|index| Element { index, ..*self });
        before.into_iter().find(|of| of.node().parent == parent && !of.name().is_empty())
    }

    fn has_local_name(&self, name: &str) -> bool {
        self.name() == name
    }

    fn attribute_matches(&self, name: &str, operator: AttributeOperator<'_>) -> bool {
        self.attr(name).is_some_and(|value| operator.matches(value))
    }

    fn pseudo_class_matches(&self, _: PseudoClass<'_>) -> bool {
        false
    }
}
