//! A parser of Prometheus's text format 0.0.4 that takes nothing on trust: every line is accounted for.

use std::collections::BTreeMap;

/// Everything of one scrape.
#[derive(Debug, Default)]
pub struct Exposition {
    /// By name, without what histograms append.
    pub families: BTreeMap<String, Family>,
}

#[derive(Debug)]
pub struct Family {
    pub kind: String,
    pub samples: Vec<Sample>,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// As written, `_bucket` and the like included.
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Exposition {
    /// The sum of all samples of this name whose labels contain these.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let matching = self.samples(name).filter(|sample| {
            labels
                .iter()
                .all(|(label, value)| sample.labels.get(*label).is_some_and(|found| found == value))
        });
        matching.map(|sample| sample.value).sum()
    }

    /// All samples of this name; there must be one.
    pub fn samples<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Sample> {
        let mut found = self
            .families
            .values()
            .flat_map(|family| &family.samples)
            .filter(move |sample| sample.name == name)
            .peekable();
        assert!(found.peek().is_some(), "no sample of {name}");
        found
    }
}

/// Parses a whole scrape. An error names the line.
pub fn parse(text: &str) -> Result<Exposition, String> {
    if !text.is_empty() && !text.ends_with('\n') {
        return Err("the last line does not end".into());
    }
    let mut exposition = Exposition::default();
    let mut help: Option<&str> = None;
    let mut current: Option<String> = None;
    for (index, line) in text.lines().enumerate() {
        let at = |what: &str| format!("line {}: {what}: {line:?}", index + 1);
        if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, words) = rest.split_once(' ').ok_or_else(|| at("no help"))?;
            if words.is_empty() || !is_name(name) {
                return Err(at("bad help"));
            }
            help = Some(name);
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').ok_or_else(|| at("no type"))?;
            if help.take() != Some(name) {
                return Err(at("no help before it"));
            }
            if !matches!(kind, "counter" | "gauge" | "histogram") {
                return Err(at("unknown type"));
            }
            let family = Family {
                kind: kind.into(),
                samples: Vec::new(),
            };
            if exposition.families.insert(name.into(), family).is_some() {
                return Err(at("a second family of this name"));
            }
            current = Some(name.into());
        } else {
            let sample = sample(line).ok_or_else(|| at("no sample"))?;
            let family_name = current.as_deref().ok_or_else(|| at("no family"))?;
            let family = exposition
                .families
                .get_mut(family_name)
                .ok_or_else(|| at("no family"))?;
            let belongs = if family.kind == "histogram" {
                let part = sample.name.strip_prefix(family_name);
                matches!(part, Some("_bucket" | "_sum" | "_count"))
                    && (part == Some("_bucket")) == sample.labels.contains_key("le")
            } else {
                sample.name == family_name
            };
            if !belongs {
                return Err(at("not of this family"));
            }
            if family.kind == "counter" && !(sample.value >= 0.0 && sample.value.is_finite()) {
                return Err(at("a counter of this value"));
            }
            let is_same = |other: &Sample| other.name == sample.name && other.labels == sample.labels;
            if family.samples.iter().any(is_same) {
                return Err(at("twice"));
            }
            family.samples.push(sample);
        }
    }
    for (name, family) in &exposition.families {
        if family.samples.is_empty() {
            return Err(format!("{name} has no sample"));
        }
        if family.kind == "histogram" {
            check_histogram(name, family)?;
        }
    }
    Ok(exposition)
}

/// Buckets grow with their bound, the last is infinite and is the count; a sum is there.
fn check_histogram(name: &str, family: &Family) -> Result<(), String> {
    let mut series: BTreeMap<BTreeMap<String, String>, Vec<(f64, f64)>> = BTreeMap::new();
    for sample in &family.samples {
        let mut labels = sample.labels.clone();
        if let Some(bound) = labels.remove("le") {
            let bound = number(&bound).ok_or_else(|| format!("{name}: bound {bound:?}"))?;
            series.entry(labels).or_default().push((bound, sample.value));
        }
    }
    for (labels, buckets) in &series {
        if !buckets.is_sorted_by(|a, b| a.0 < b.0 && a.1 <= b.1) {
            return Err(format!("{name}{labels:?}: buckets {buckets:?} do not grow"));
        }
        let of = |ending: &str| {
            let mut samples = family.samples.iter();
            samples.find(|sample| sample.name == format!("{name}{ending}") && sample.labels == *labels)
        };
        let count = of("_count").ok_or_else(|| format!("{name}{labels:?}: no count"))?.value;
        if of("_sum").is_none() || buckets.last() != Some(&(f64::INFINITY, count)) {
            return Err(format!(
                "{name}{labels:?}: no sum, or {buckets:?} do not end in the count {count}"
            ));
        }
    }
    let counts = family
        .samples
        .iter()
        .filter(|sample| sample.name.ends_with("_count"))
        .count();
    if counts != series.len() {
        return Err(format!("{name}: {counts} counts for {} series", series.len()));
    }
    Ok(())
}

/// `name{label="value",…} number`, without a time stamp.
fn sample(line: &str) -> Option<Sample> {
    let (name, labels, rest) = match line.split_once('{') {
        Some((name, rest)) => {
            let (labels, rest) = labels(rest)?;
            (name, labels, rest.strip_prefix(' ')?)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, BTreeMap::new(), rest)
        }
    };
    is_name(name).then_some(())?;
    Some(Sample {
        name: name.into(),
        labels,
        value: number(rest)?,
    })
}

/// Labels and what follows their closing brace.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        let (label, after) = rest.split_once("=\"")?;
        is_name(label).then_some(())?;
        let mut value = String::new();
        let mut characters = after.char_indices();
        let end = loop {
            match characters.next()? {
                (end, '"') => break end,
                (_, '\\') => value.push(match characters.next()?.1 {
                    'n' => '\n',
                    character @ ('\\' | '"') => character,
                    _ => return None,
                }),
                (_, character) => value.push(character),
            }
        };
        if labels.insert(label.to_owned(), value).is_some() {
            return None;
        }
        rest = &after[end + 1..];
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        rest = rest.strip_prefix(',')?;
    }
}

fn number(text: &str) -> Option<f64> {
    match text {
        "+Inf" => Some(f64::INFINITY),
        "-Inf" => Some(f64::NEG_INFINITY),
        "NaN" => Some(f64::NAN),
        _ if text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b"+-.eE".contains(&byte)) =>
        {
            text.parse().ok()
        }
        _ => None,
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

#[test]
fn the_parser_takes_the_format_and_nothing_else() {
    let head = "# HELP a_total Help.\n# TYPE a_total counter\n";
    for good in [
        "a_total 1\n",
        "a_total{b=\"x\"} 1e3\n",
        "a_total{b=\"\\\"\\\\\\n}\",c=\"\"} 0\n",
    ] {
        parse(&format!("{head}{good}")).unwrap_or_else(|error| panic!("{error}"));
    }
    for bad in [
        "a_total 1",
        "a_total\n",
        "a_total  1\n",
        "a_total -1\n",
        "a_total x\n",
        "a_total 1 1700000000\n",
        "b_total 1\n",
        "a_total{b=\"x} 1\n",
        "a_total{b=\"x\",b=\"y\"} 1\n",
        "a_total{b=x} 1\n",
        "a_total{b=\"\\x\"} 1\n",
        "a_total 1\na_total 2\n",
        "a_total 1\n\n",
        "",
    ] {
        assert!(parse(&format!("{head}{bad}")).is_err(), "{bad:?}");
    }
    assert!(parse("# TYPE a_total counter\na_total 1\n").is_err(), "no help");
    let histogram = |body: &str| parse(&format!("# HELP h_seconds H.\n# TYPE h_seconds histogram\n{body}"));
    let bucket = |bound: &str, count: u32| format!("h_seconds_bucket{{le=\"{bound}\"}} {count}\n");
    let end = "h_seconds_sum 1.5\nh_seconds_count 2\n";
    assert!(histogram(&[&bucket("1", 1), &bucket("+Inf", 2), end].concat()).is_ok());
    for bad in [
        [&bucket("1", 3), &bucket("+Inf", 2), end].concat(),
        [&bucket("1", 1), &bucket("2", 2), end].concat(),
        [&bucket("1", 1), &bucket("+Inf", 3), end].concat(),
        [&bucket("1", 1), &bucket("+Inf", 2), "h_seconds_count 2\n"].concat(),
        [&bucket("1", 1), &bucket("+Inf", 2), end, "h_seconds 1\n"].concat(),
    ] {
        assert!(histogram(&bad).is_err(), "{bad}");
    }
}
