//! Where our node's time went: the sums of its histograms of seconds, before and after.

use super::http::Client;
use crate::Result;
use std::collections::BTreeMap;

/// Seconds by metric and labels.
#[derive(Clone, Debug, Default)]
pub struct Seconds(BTreeMap<String, f64>);

impl Seconds {
    pub fn scraped(port: u16) -> Result<Self> {
        let request = b"GET /metrics HTTP/1.1\r\nhost: localhost\r\n\r\n";
        let mut client = Client::connect(port)?;
        Ok(Self::read(&String::from_utf8_lossy(client.exchange(request)?)))
    }

    fn read(text: &str) -> Self {
        let sums = text.lines().filter_map(|line| {
            let (name, value) = line.rsplit_once(' ')?;
            let (metric, labels) = name
                .split_once('{')
                .map_or((name, ""), |(metric, rest)| (metric, rest.trim_end_matches('}')));
            let metric = metric.strip_suffix("_seconds_sum")?;
            let shown = if labels.is_empty() {
                metric.to_owned()
            } else {
                format!("{metric}{{{labels}}}")
            };
            Some((shown, value.parse().ok()?))
        });
        Self(sums.collect())
    }

    /// What was added since, largest first.
    pub fn since(&self, before: &Self) -> Vec<(String, f64)> {
        let mut added: Vec<(String, f64)> = self
            .0
            .iter()
            .map(|(name, now)| (name.clone(), now - before.0.get(name).copied().unwrap_or_default()))
            .filter(|(_, seconds)| *seconds > 0.0)
            .collect();
        added.sort_by(|(_, a), (_, b)| b.total_cmp(a));
        added
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_of_seconds_are_read_and_compared() {
        let before = Seconds::read("# TYPE x histogram\nquids_a_seconds_sum 1.5\nquids_a_seconds_count 3\n");
        let after = Seconds::read(
            "quids_a_seconds_sum 2\nquids_b_seconds_sum{api=\"X y\"} 4\nquids_b_seconds_bucket{le=\"1\"} 9\nquids_c_bytes_sum 7\n",
        );
        let expected = [("quids_b{api=\"X y\"}".to_owned(), 4.0), ("quids_a".to_owned(), 0.5)];
        assert_eq!(after.since(&before), expected);
        assert!(before.since(&before).is_empty());
    }
}
