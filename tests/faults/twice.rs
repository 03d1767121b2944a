//! Two daemons on one store.

use crate::harness::{Daemon, Folder, import, run, simulate};

#[test]
fn a_second_daemon_is_refused_and_the_first_goes_on() {
    let folder = Folder::new();
    let [_, registry, _] = simulate(&folder, &["--days", "2"]);
    let db = import(&folder, &registry);
    let first = Daemon::start(&folder, &db, "");
    let config = folder.path("releve.toml");
    let second = run(&["run", "--config", config.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&second.stderr);
    assert!(!second.status.success());
    assert!(
        said.contains("another `releve run` works on this store"),
        "{said}"
    );
    assert_eq!(first.get("/readyz").0, 200);
    // Nor is anything done behind its back.
    let copy = folder.path("copy.db");
    let text = |path: &std::path::Path| path.to_str().unwrap().to_owned();
    assert!(
        run(&["backup", &text(&copy), "--db", &text(&db)])
            .status
            .success()
    );
    for command in [
        vec!["redecode".to_owned(), "--db".to_owned(), text(&db)],
        vec![
            "restore".to_owned(),
            text(&copy),
            "--db".to_owned(),
            text(&db),
            "--replace".to_owned(),
        ],
    ] {
        let refused = run(&command.iter().map(String::as_str).collect::<Vec<_>>());
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(2), "{command:?}");
        assert!(said.contains("stop it (`systemctl stop releve`)"), "{said}");
    }
    assert_eq!(first.get("/readyz").0, 200);
    // Commands are no daemons.
    assert!(run(&["meters", "--db", db.to_str().unwrap()]).status.success());
    // A killed one leaves nothing that has to be removed by hand.
    first.kill();
    assert!(
        run(&["token", "remove", "test", "--db", db.to_str().unwrap()])
            .status
            .success()
    );
    Daemon::start(&folder, &db, "").stop();
}
