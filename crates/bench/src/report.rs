//! What was measured: a line when it is known, a table in the end, and JSON for whoever compares.

use std::io::IsTerminal;

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde_json::{Value, json};

use crate::{
    limit::{self, Standstill},
    options::Options,
    place::Place,
};

/// What must be reached (the table; docs/PERFORMANCE.md).
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Floor {
    /// So much or more.
    AtLeast(f64),
    /// So much or less.
    AtMost(f64),
}

impl Floor {
    fn is_reached(self, value: f64) -> bool {
        match self {
            Self::AtLeast(floor) => value >= floor,
            Self::AtMost(floor) => value <= floor,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(floor) => format!("≥ {}", short(floor)),
            Self::AtMost(floor) => format!("≤ {}", short(floor)),
        }
    }
}

/// What one execution cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Cost {
    /// Processor time of the server, in microseconds.
    pub server: f64,
    /// Processor time of the database's processes, in microseconds.
    pub database: f64,
    /// Commits; nothing when the server does not tell.
    pub commits: Option<f64>,
    /// Rows added.
    pub rows: f64,
    /// Bytes written: of the write-ahead log on PostgreSQL, to the disk on SQLite.
    pub bytes: f64,
}

/// One line.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// What was measured.
    pub name: String,
    /// How much.
    pub value: f64,
    /// Of what.
    pub unit: &'static str,
    /// The same by a bare program or by the disk, in the same unit, or another yardstick of the run.
    pub limit: Option<f64>,
    /// Half of the requests were answered within so many milliseconds, all but one in a hundred within so many.
    pub latency: Option<(f64, f64)>,
    /// What one execution cost.
    pub cost: Option<Cost>,
    /// What must be reached.
    pub floor: Option<Floor>,
    /// Remarks.
    pub note: String,
}

impl Figure {
    /// Only a name and a value.
    pub fn new(name: impl Into<String>, value: f64, unit: &'static str) -> Self {
        Self {
            name: name.into(),
            value,
            unit,
            limit: None,
            latency: None,
            cost: None,
            floor: None,
            note: String::new(),
        }
    }

    /// With what must be reached.
    pub const fn floor(mut self, floor: Floor) -> Self {
        self.floor = Some(floor);
        self
    }

    /// With a remark.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }

    fn is_missed(&self) -> bool {
        self.floor.is_some_and(|floor| !floor.is_reached(self.value))
    }
}

/// Everything measured.
#[derive(Debug)]
pub struct Report {
    /// By store.
    sections: Vec<Section>,
}

#[derive(Debug)]
struct Section {
    store: &'static str,
    /// Durable writes of 4 KiB a second.
    disk: f64,
    /// Transactions of one row a second.
    database: f64,
    standstill: Standstill,
    figures: Vec<Figure>,
}

impl Section {
    /// What everything else has to be read beside.
    fn machine(&self) -> String {
        format!(
            "{}: {:.0} durable writes/s of the disk, {:.0} commits/s of the database one by one, {} processors, each of which stands still for {:.1} ms of a second ({:.1} ms at the longest)",
            self.store,
            self.disk,
            self.database,
            std::thread::available_parallelism().map_or(1, usize::from),
            self.standstill.of_a_second,
            self.standstill.longest
        )
    }
}

impl Report {
    /// Nothing yet.
    pub const fn new() -> Self {
        Self { sections: Vec::new() }
    }

    /// Measures the disk, the database and the processors, beside whose figures everything else has to be read.
    ///
    /// # Errors
    /// What cannot be written.
    pub async fn begin(&mut self, place: &Place) -> Result<(), String> {
        let disk = limit::disk_commits(place.folder())?;
        let database = limit::database_commits(&place.database("commits")?).await?;
        let standstill = limit::standstill();
        let section = Section { store: place.kind.name(), disk, database, standstill, figures: Vec::new() };
        println!("\n{}", section.machine());
        self.sections.push(section);
        Ok(())
    }

    /// How long a durable commit takes here, in milliseconds.
    pub fn commit(&self) -> f64 {
        self.sections.last().map_or(0.0, |section| 1000.0 / section.database.max(1.0))
    }

    /// One more figure.
    pub fn add(&mut self, figure: Figure) {
        let mark = if figure.is_missed() { "  MISSED" } else { "" };
        let half = figure.latency.map(|(half, _)| format!(" (half {})", short(half))).unwrap_or_default();
        println!("  {:<44} {:>12} {}{half}{mark}", figure.name, short(figure.value), figure.unit);
        if let Some(section) = self.sections.last_mut() {
            section.figures.push(figure);
        }
    }

    /// Prints the table, writes the file. Answers whether everything that had to be reached was.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn end(&self, options: &Options) -> Result<bool, String> {
        for section in &self.sections {
            println!("\n{}\n{}", section.machine(), table(&section.figures));
        }
        if let Some(path) = &options.json {
            let text = format!("{:#}\n", self.json());
            std::fs::write(path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let missed = self.sections.iter().flat_map(|section| &section.figures).any(Figure::is_missed);
        Ok(!(options.check && missed))
    }

    fn json(&self) -> Value {
        let sections = self.sections.iter().map(|section| {
            let figures = section.figures.iter().map(|figure| {
                json!({
                    "name": figure.name, "value": figure.value, "unit": figure.unit, "limit": figure.limit,
                    "ratio": figure.limit.map(|limit| figure.value / limit),
                    "p50Ms": figure.latency.map(|latency| latency.0), "p99Ms": figure.latency.map(|latency| latency.1),
                    "serverMicroseconds": figure.cost.map(|cost| cost.server),
                    "databaseMicroseconds": figure.cost.map(|cost| cost.database),
                    "commits": figure.cost.and_then(|cost| cost.commits), "rows": figure.cost.map(|cost| cost.rows),
                    "bytes": figure.cost.map(|cost| cost.bytes), "floor": figure.floor.map(Floor::text),
                    "missed": figure.is_missed(), "note": figure.note,
                })
            });
            json!({
                "store": section.store, "diskCommitsPerSecond": section.disk,
                "databaseCommitsPerSecond": section.database, "standstillMsPerSecond": section.standstill.of_a_second,
                "longestStandstillMs": section.standstill.longest, "figures": figures.collect::<Vec<_>>(),
            })
        });
        json!({"sections": sections.collect::<Vec<_>>()})
    }
}

const HEADERS: [&str; 12] = [
    "",
    "value",
    "floor",
    "limit",
    "ratio",
    "p50 ms",
    "p99 ms",
    "CPU µs",
    "of database",
    "commits",
    "rows",
    "bytes",
];

fn table(figures: &[Figure]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY).set_header(HEADERS);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !std::io::stdout().is_terminal() {
        table.set_width(180);
    }
    for figure in figures {
        let cell = |value: Option<f64>| value.map(short).unwrap_or_default();
        let missed = if figure.is_missed() { " !" } else { "" };
        let name = if figure.note.is_empty() {
            figure.name.clone()
        } else {
            format!("{} ({})", figure.name, figure.note)
        };
        table.add_row([
            name,
            format!("{} {}{missed}", short(figure.value), figure.unit),
            figure.floor.map(Floor::text).unwrap_or_default(),
            cell(figure.limit),
            figure.limit.map(|limit| format!("{:.0} %", 100.0 * figure.value / limit)).unwrap_or_default(),
            cell(figure.latency.map(|latency| latency.0)),
            cell(figure.latency.map(|latency| latency.1)),
            cell(figure.cost.map(|cost| cost.server)),
            cell(figure.cost.map(|cost| cost.database)),
            cell(figure.cost.and_then(|cost| cost.commits)),
            cell(figure.cost.map(|cost| cost.rows)),
            cell(figure.cost.map(|cost| cost.bytes)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// As many digits as mean something.
fn short(value: f64) -> String {
    let digits = match value.abs() {
        100.0.. => 0,
        10.0.. => 1,
        1.0.. => 2,
        _ => 3,
    };
    format!("{value:.digits$}")
}
