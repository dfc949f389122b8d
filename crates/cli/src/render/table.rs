//! Aligned columns. Must not know what they hold.

use super::text::cut;
use crate::out::Paint;

/// Blanks between columns.
const GAP: usize = 2;
/// A flexible column keeps at least this many characters.
const FLEX_MIN: usize = 8;

/// One cell: what it says, and how it is painted.
#[derive(Debug, Clone)]
pub(crate) struct Cell {
    text: String,
    paint: fn(Paint, &str) -> String,
}

impl Cell {
    /// A cell in a colour.
    pub(crate) fn painted(text: impl Into<String>, paint: fn(Paint, &str) -> String) -> Self {
        Self { text: text.into(), paint }
    }
}

impl<T: Into<String>> From<T> for Cell {
    fn from(text: T) -> Self {
        Self::painted(text, |_, text| text.to_owned())
    }
}

/// Rows under a header.
#[derive(Debug)]
pub(crate) struct Table {
    header: Vec<&'static str>,
    rows: Vec<Vec<Cell>>,
    flexible: usize,
}

impl Table {
    /// A table whose column number `flexible` gives way when the terminal is narrow.
    pub(crate) fn new(header: &[&'static str], flexible: usize) -> Self {
        Self { header: header.to_vec(), rows: Vec::new(), flexible }
    }

    /// One more row.
    pub(crate) fn row(&mut self, cells: Vec<Cell>) {
        assert_eq!(cells.len(), self.header.len(), "a row has a cell for every column");
        self.rows.push(cells);
    }

    /// The lines, no wider than `width` as far as the flexible column can give way.
    pub(crate) fn print(&self, width: usize, paint: Paint) -> String {
        let mut widths: Vec<usize> = self.header.iter().map(|title| title.chars().count()).collect();
        for row in &self.rows {
            for (at, cell) in row.iter().enumerate() {
                widths[at] = widths[at].max(cell.text.chars().count());
            }
        }
        let total = widths.iter().sum::<usize>() + GAP * (widths.len() - 1);
        let flexible = &mut widths[self.flexible];
        *flexible = flexible.saturating_sub(total.saturating_sub(width)).max(FLEX_MIN.min(*flexible));
        let header: Vec<Cell> = self.header.iter().map(|title| Cell::painted(*title, Paint::dim)).collect();
        std::iter::once(&header).chain(&self.rows).map(|row| line(row, &widths, paint)).collect::<Vec<_>>().join("\n")
    }
}

fn line(row: &[Cell], widths: &[usize], paint: Paint) -> String {
    let mut out = String::new();
    for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
        let text = cut(&cell.text, *width);
        let blanks = width - text.chars().count();
        out.push_str(&(cell.paint)(paint, &text));
        if at + 1 < row.len() {
            out.push_str(&" ".repeat(blanks + GAP));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_align_and_the_flexible_one_gives_way() {
        let mut table = Table::new(&["RUN", "NAME", "STATE"], 1);
        table.row(vec!["run_1".into(), "a long name of a run".into(), "ready".into()]);
        table.row(vec!["run_22".into(), "short".into(), "dead".into()]);
        let wide = "RUN     NAME                  STATE\nrun_1   a long name of a run  ready\nrun_22  short                 dead";
        assert_eq!(table.print(80, Paint::off()), wide);
        let narrow = "RUN     NAME      STATE\nrun_1   a long …  ready\nrun_22  short     dead";
        assert_eq!(table.print(20, Paint::off()), narrow);
    }
}
