//! Listed: the first of many, and how many more there are. A page never grows with what was recorded.

/// At most so many items, and the number of those that were left out.
#[derive(Clone, Debug)]
pub(crate) struct Listed<T> {
    /// What is shown.
    pub items: Vec<T>,
    /// How many more there are.
    pub left_out: usize,
}

impl<T> Listed<T> {
    /// The first of these, at most `most`.
    pub(crate) fn first<S>(all: impl IntoIterator<Item = S>, most: usize, show: impl FnMut(S) -> T) -> Self {
        let mut all = all.into_iter();
        let items: Vec<T> = all.by_ref().take(most).map(show).collect();
        Self { items, left_out: all.count() }
    }

    /// Whether there is nothing at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.items.is_empty() && self.left_out == 0
    }
}
