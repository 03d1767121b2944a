//! The pages of families: listed, shown, spoken, checked; a wrong one is named and left out, and the daemon goes on.

use serde_json::Value;

use crate::harness::{Daemon, Folder, import, json, run, simulate};

const PAGE: &str = r#"name = "my-meter"
about = "A water meter that nobody else knows"
answers_for = ["XYZ 77 07"]

[[record]]
sends = "0413"
means = "Volume."
"#;

#[test]
fn sixty_families_at_least_and_each_speaks_what_decode_reads() {
    let all = json(&["families", "list", "--json"]);
    let all = all.as_array().unwrap();
    assert!(all.len() >= 60, "{}", all.len());
    let mut claims = std::collections::BTreeSet::new();
    let mut telegrams = String::new();
    for family in all {
        for claim in family["answers_for"].as_array().unwrap() {
            assert!(
                claims.insert(claim.to_string()),
                "{claim} belongs to two families"
            );
        }
        let line = run(&["families", "example", family["name"].as_str().unwrap()]);
        assert!(
            line.status.success(),
            "{family}: {}",
            String::from_utf8_lossy(&line.stderr)
        );
        telegrams += &String::from_utf8(line.stdout).unwrap();
    }
    let folder = Folder::new();
    let file = folder.write("examples.txt", &telegrams);
    let output = run(&["decode", "--json", file.to_str().unwrap()]);
    let lines: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), all.len());
    for (line, family) in lines.iter().zip(all) {
        assert_eq!(line["decoder"], family["name"], "{line}");
        // A smoke alarm counts nothing, but says how it is.
        let counts = line["readings"]
            .as_array()
            .is_some_and(|readings| !readings.is_empty());
        assert!(counts || line["facts"].is_object(), "{line}");
    }
    let table = String::from_utf8(run(&["families", "list"]).stdout).unwrap();
    assert!(
        table.contains(&format!("{} families; no address belongs to two", all.len())),
        "{table}"
    );
    let shown = String::from_utf8(run(&["families", "show", "qundis-caloric"]).stdout).unwrap();
    assert!(
        shown.contains("QDS 34 08") && shown.contains("heat_cost"),
        "{shown}"
    );
    let typo = run(&["families", "show", "qundis-calorik"]);
    let said = String::from_utf8_lossy(&typo.stderr).into_owned();
    assert!(said.contains("did you mean \"qundis-caloric\"?"), "{said}");
}

#[test]
fn a_wrong_page_is_named_with_its_line_and_left_out_by_the_daemon() {
    let folder = Folder::new();
    std::fs::create_dir(folder.path("families.d")).unwrap();
    let good = folder.write("families.d/good.toml", PAGE);
    let wrong = folder.write(
        "families.d/wrong.toml",
        &PAGE.replace("my-meter", "other").replace("sends", "sedns"),
    );
    let claimed = folder.write(
        "families.d/claimed.toml",
        &PAGE
            .replace("my-meter", "thief")
            .replace("XYZ 77 07", "QDS 34 08"),
    );
    let pages = folder.path("families.d");
    let output = run(&["families", "check", "--json", pages.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let of = |file: &std::path::Path| {
        let rows = report.as_array().unwrap();
        rows.iter()
            .find(|row| row["file"] == file.to_str().unwrap())
            .unwrap()
            .clone()
    };
    assert_eq!(of(&good)["good"], true);
    assert!(
        of(&wrong)["line"]
            .as_u64()
            .is_some_and(|line| (5..=7).contains(&line)),
        "{report}"
    );
    assert!(
        of(&wrong)["message"].as_str().unwrap().contains("sends"),
        "{report}"
    );
    assert!(
        of(&claimed)["message"]
            .as_str()
            .unwrap()
            .contains("qundis-caloric"),
        "{report}"
    );
    // Commands that a person runs refuse; the daemon goes on with the others.
    let refused = run(&["families", "list", "--families", pages.to_str().unwrap()]);
    assert_eq!(refused.status.code(), Some(2));
    let [_, registry, _] = simulate(&folder, &["--days", "1", "--every-minutes", "720"]);
    let db = import(&folder, &registry);
    let daemon = Daemon::start_with(
        &folder,
        &db,
        &format!("families = {:?}\n", pages.to_str().unwrap()),
        "",
    );
    daemon.good("/v1/radio");
    daemon.stop();
    for bad in [wrong, claimed] {
        std::fs::remove_file(bad).unwrap();
    }
    let all = json(&[
        "families",
        "list",
        "--json",
        "--families",
        pages.to_str().unwrap(),
    ]);
    assert!(
        all.as_array()
            .unwrap()
            .iter()
            .any(|family| family["name"] == "my-meter")
    );
}
