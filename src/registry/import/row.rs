//! A row: one line of a list, its cells by column, before anyone has looked at what they say.

use zeroize::Zeroizing;

use super::Column;

/// One line of a list.
pub(super) struct Row {
    /// Where it stands, from 1.
    pub(super) line: u64,
    /// What was written, in no particular order; empty cells are left out. Wiped when dropped: one may be a key.
    pub(super) cells: Vec<(Column, Zeroizing<String>)>,
}

impl Row {
    /// What was written in a column.
    pub(super) fn get(&self, column: Column) -> Option<&str> {
        self.cells
            .iter()
            .find(|(of, _)| *of == column)
            .map(|(_, text)| text.as_str())
    }
}

impl std::fmt::Debug for Row {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Row")
            .field("line", &self.line)
            .finish_non_exhaustive()
    }
}
