//! Asks a Python script of this folder for the numbers that a test compares with. For tests only; included by path.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code)]

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

const REQUIREMENTS: &str = include_str!("reference-requirements.txt");

/// What the script `name` writes to its standard output, given `input` on its standard input. The interpreter has the packages of
/// `reference-requirements.txt`, in an environment that is made when it is absent or was made of others.
pub(crate) fn ask(name: &str, input: &str) -> String {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new(interpreter(&root.join("target")))
        .arg(root.join("tools/python").join(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the interpreter starts");
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().expect("the script reads its input");
    assert!(output.status.success(), "{name} failed: {}", output.status);
    String::from_utf8(output.stdout).unwrap()
}

/// The environment's interpreter. Tests of several processes may want it at once: one makes it, the others wait.
fn interpreter(target: &Path) -> PathBuf {
    fs::create_dir_all(target).unwrap();
    let lock = File::create(target.join("venv-reference.lock")).unwrap();
    lock.lock().expect("the environment's lock");
    let venv = target.join("venv-reference");
    let (python, made_of) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if fs::read_to_string(&made_of).is_ok_and(|made_of| made_of == REQUIREMENTS) {
        return python;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
    fs::write(venv.join("wanted.txt"), REQUIREMENTS).unwrap();
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(pip).arg(venv.join("wanted.txt")));
    fs::rename(venv.join("wanted.txt"), made_of).unwrap();
    python
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}; expected python3 with venv"));
    assert!(status.success(), "{command:?}: {status}");
}
