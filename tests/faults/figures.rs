//! What dashboard and alert rules ask for is what the daemon gives.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::harness::{Daemon, Folder, import, simulate};

/// All words of a text that are names of figures.
fn names(text: &str) -> BTreeSet<&str> {
    text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'))
        .filter(|word| word.starts_with("releve_"))
        .collect()
}

#[test]
fn the_dashboard_and_the_alert_rules_name_only_figures_that_are_given() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let daemon = Daemon::start(&folder, &import(&folder, &registry), "");
    let text = daemon.good("/metrics");
    let given: BTreeSet<&str> = text
        .as_str()
        .unwrap()
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next())
        .collect();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
    // Each is explained, and somebody looks at it.
    let page = read("docs/operations.md");
    let explained = names(&page);
    let both = read("deploy/grafana.json") + &read("deploy/releve.rules.yml");
    let watched = names(&both);
    for name in &given {
        assert!(explained.contains(name), "{name} is not in docs/operations.md");
        assert!(watched.contains(name), "nobody looks at {name}");
    }
    assert_eq!(
        explained.difference(&given).collect::<Vec<_>>(),
        Vec::<&&str>::new()
    );
    // Names as Prometheus wants them: counters end with their total, times with their unit.
    for line in text.as_str().unwrap().lines() {
        if let Some((name, kind)) = line.strip_prefix("# TYPE ").and_then(|line| line.split_once(' ')) {
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(
                !name.contains("timestamp") || name.ends_with("_seconds"),
                "{line}"
            );
        }
    }
    for (file, least) in [("grafana.json", 10), ("releve.rules.yml", 5)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy").join(file);
        let text = fs::read_to_string(path).unwrap();
        let asked = names(&text);
        assert!(asked.len() >= least, "{file}: {asked:?}");
        let unknown: Vec<_> = asked.difference(&given).collect();
        assert!(unknown.is_empty(), "{file} asks for {unknown:?}");
    }
    daemon.stop();
}
