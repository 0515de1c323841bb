//! Runs a script of tools/python in the tests' own Python environment, which the first test that needs it makes.

use serde_json::Value;
use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// The interpreter of target/venv-reference, made from tools/python/reference-requirements.txt unless it is there already.
fn interpreter() -> PathBuf {
    let root = root();
    let requirements = root.join("tools/python/reference-requirements.txt");
    let venv = root.join("target/venv-reference");
    let wanted = fs::read_to_string(&requirements).unwrap();
    let installed = venv.join(".installed");
    fs::create_dir_all(root.join("target")).unwrap();
    // Several test processes may come here at once; the lock goes with the file at the end of this function.
    let lock = File::create(root.join("target/venv-reference.lock")).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(&installed).ok().as_deref() != Some(&wanted) {
        run(Command::new("python3").arg("-m").arg("venv").arg(&venv));
        run(Command::new(venv.join("bin/pip"))
            .args(["install", "--quiet", "--disable-pip-version-check", "-r"])
            .arg(&requirements));
        fs::write(&installed, wanted).unwrap();
    }
    venv.join("bin/python")
}

fn run(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// What the script answers to `question`.
pub(crate) fn ask(script: &str, question: &Value) -> Value {
    let mut child = Command::new(interpreter())
        .arg(root().join("tools/python").join(script))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(question.to_string().as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{script} failed: its message is above");
    serde_json::from_slice(&output.stdout).unwrap()
}
