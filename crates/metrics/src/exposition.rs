//! Prometheus' text format, version 0.0.4.

use std::fmt::{Display, Write as _};

use crate::Histogram;

/// The text as it grows.
#[derive(Debug, Default)]
pub struct Exposition {
    text: String,
}

/// The samples of one metric.
#[derive(Debug)]
pub struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
}

impl Exposition {
    /// What the text is, for whoever asks for it.
    pub const CONTENT_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// A number that only grows.
    pub fn counter(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "counter", help)
    }

    /// A number that goes up and down.
    pub fn gauge(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "gauge", help)
    }

    /// Values by size.
    pub fn histogram(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "histogram", help)
    }

    /// How many there were, and their sum.
    pub fn summary(&mut self, name: &'static str, help: &'static str) -> Family<'_> {
        self.family(name, "summary", help)
    }

    fn family(&mut self, name: &'static str, kind: &str, help: &'static str) -> Family<'_> {
        self.text.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {kind}\n"));
        Family { text: &mut self.text, name }
    }

    /// The whole text.
    #[must_use]
    pub fn finish(self) -> String {
        self.text
    }
}

impl Family<'_> {
    /// One sample.
    pub fn value(&mut self, labels: &[(&str, &str)], value: impl Display) -> &mut Self {
        self.sample("", labels, None, value)
    }

    /// The samples of a histogram.
    pub fn values(&mut self, labels: &[(&str, &str)], histogram: &Histogram) -> &mut Self {
        let mut total = 0;
        for (bound, count) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.sample("_bucket", labels, Some(("le", &bound)), count);
            total = count;
        }
        self.total(labels, histogram.sum(), total)
    }

    /// The sum and the number of values.
    pub fn total(&mut self, labels: &[(&str, &str)], sum: f64, count: u64) -> &mut Self {
        self.sample("_sum", labels, None, sum).sample("_count", labels, None, count)
    }

    fn sample(
        &mut self,
        suffix: &str,
        labels: &[(&str, &str)],
        last: Option<(&str, &str)>,
        value: impl Display,
    ) -> &mut Self {
        self.text.push_str(self.name);
        self.text.push_str(suffix);
        let mut separator = '{';
        for (name, value) in labels.iter().copied().chain(last) {
            self.text.push(separator);
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            write!(self.text, "{name}=\"{value}\"").expect("text takes everything");
            separator = ',';
        }
        if separator == ',' {
            self.text.push('}');
        }
        writeln!(self.text, " {value}").expect("text takes everything");
        self
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_histogram_is_cumulative_and_labels_are_escaped() {
        let histogram = Histogram::of_times(&[1_000, 500_000]);
        for time in [1_000, 1_001, 900_000] {
            histogram.time(Duration::from_micros(time));
        }
        let mut text = Exposition::default();
        text.histogram("took_seconds", "Time.").values(&[("action", "a\"b\\\n")], &histogram);
        text.gauge("open", "Open.").value(&[], 2);
        assert_eq!(
            text.finish(),
            r#"# HELP took_seconds Time.
# TYPE took_seconds histogram
took_seconds_bucket{action="a\"b\\\n",le="0.001"} 1
took_seconds_bucket{action="a\"b\\\n",le="0.5"} 2
took_seconds_bucket{action="a\"b\\\n",le="+Inf"} 3
took_seconds_sum{action="a\"b\\\n"} 0.902001
took_seconds_count{action="a\"b\\\n"} 3
# HELP open Open.
# TYPE open gauge
open 2
"#
        );
    }
}
