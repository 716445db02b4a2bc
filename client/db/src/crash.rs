//! Named crash points: tests kill the node exactly there and look at what is left.

use std::sync::{
    OnceLock,
    atomic::{AtomicU64, Ordering},
};

/// The environment variable that names the point, `name` or `name:n` for the n-th time it is passed (from 1).
pub(crate) const VARIABLE: &str = "QUIDS_CRASH_AT";

struct Target {
    name: String,
    left: AtomicU64,
}

static TARGET: OnceLock<Option<Target>> = OnceLock::new();

fn parse(setting: &str) -> Target {
    let (name, times) = match setting.rsplit_once(':') {
        Some((name, times)) => (name, times.parse().unwrap_or(1)),
        None => (setting, 1),
    };
    Target {
        name: name.into(),
        left: AtomicU64::new(times),
    }
}

/// Ends the process on the spot, as a power cut would end it, if `QUIDS_CRASH_AT` names this point.
/// The variable is read once; without it this is one comparison.
pub fn crash_point(name: &str) {
    let target = TARGET.get_or_init(|| std::env::var(VARIABLE).ok().map(|setting| parse(&setting)));
    if let Some(target) = target
        && target.name == name
        && target.left.fetch_sub(1, Ordering::Relaxed) == 1
    {
        eprintln!("crash point {name}");
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn settings_have_a_name_and_a_count() {
        let check = |setting: &str, name: &str, times: u64| {
            let target = parse(setting);
            assert_eq!((target.name.as_str(), target.left.into_inner()), (name, times));
        };
        check("db-before-write", "db-before-write", 1);
        check("db-before-write:7", "db-before-write", 7);
        check("db-before-write:x", "db-before-write", 1);
    }
}
