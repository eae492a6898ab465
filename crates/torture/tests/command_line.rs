//! What the command line refuses, and how it says so. (That there is a test here makes `cargo test` build the binary, which the test command
//! runs afterwards.)

use std::process::Command;

#[test]
fn what_cannot_be_is_refused_with_a_sentence() {
    let said = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_torture")).args(arguments).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8(output.stderr).unwrap()
    };
    let sqlite = ["--server", "vtrustx", "--database", "sqlite"];
    let two = said(&[sqlite.as_slice(), &["--nodes", "2"]].concat());
    assert!(two.contains("an SQLite file is for one process: --nodes 1"), "{two}");
    let fault = said(&[sqlite.as_slice(), &["--faults", "kill,flood"]].concat());
    assert!(
        fault.contains("there is no fault \"flood\"; there are kill, stop, clock, disk-full,"),
        "{fault}"
    );
    let server = said(&sqlite);
    assert!(server.contains("there is no server at vtrustx"), "{server}");
}
