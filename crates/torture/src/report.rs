//! The table at the end: figures, and promises with the number of times each was broken.

use std::fmt;

/// Offenders that are named for each promise.
const NAMED: usize = 10;

/// What the audit found.
#[derive(Debug, Default)]
pub struct Report {
    rows: Vec<Row>,
}

#[derive(Debug)]
enum Row {
    Figure { label: String, value: String },
    Promise { label: String, offenders: Vec<String> },
}

impl Report {
    /// Something that was counted.
    pub fn figure(&mut self, label: &str, value: impl fmt::Display) {
        self.rows.push(Row::Figure { label: label.to_owned(), value: value.to_string() });
    }

    /// Something of which there must be none.
    pub fn promise(&mut self, label: &str, offenders: Vec<String>) {
        self.rows.push(Row::Promise { label: label.to_owned(), offenders });
    }

    /// Every promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.rows.iter().all(|row| match row {
            Row::Figure { .. } => true,
            Row::Promise { offenders, .. } => offenders.is_empty(),
        })
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::NOTHING);
        for row in &self.rows {
            match row {
                Row::Figure { label, value } => table.add_row([label.as_str(), value.as_str(), ""]),
                Row::Promise { label, offenders } => {
                    let verdict = if offenders.is_empty() { "kept" } else { "BROKEN" };
                    table.add_row([label.as_str(), &offenders.len().to_string(), verdict])
                }
            };
        }
        write!(formatter, "{table}")?;
        for row in &self.rows {
            let Row::Promise { label, offenders } = row else { continue };
            if offenders.is_empty() {
                continue;
            }
            write!(formatter, "\n\n{label}:")?;
            for offender in offenders.iter().take(NAMED) {
                write!(formatter, "\n  {offender}")?;
            }
            if offenders.len() > NAMED {
                write!(formatter, "\n  … and {} more", offenders.len() - NAMED)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_promise_is_told_with_its_first_ten_offenders() {
        let mut report = Report::default();
        report.figure("Events", 12);
        report.promise("Lost", Vec::new());
        assert!(report.is_good());
        report.promise("Twice", (0..12).map(|number| format!("e{number}")).collect());
        assert!(!report.is_good());
        let shown = report.to_string();
        for part in ["Events", "kept", "BROKEN", "\n\nTwice:\n  e0\n", "\n  e9\n  … and 2 more"] {
            assert!(shown.contains(part), "{shown}");
        }
    }
}
