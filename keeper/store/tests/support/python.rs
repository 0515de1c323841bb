//! Python with pinned packages: an environment under target/, made by whichever test needs it first.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

/// The interpreter of `target/<name>`, which has what `tools/python/<requirements>` says.
pub(crate) fn python(name: &str, requirements: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = root.join("target").join(name);
    let wanted = fs::read_to_string(root.join("tools/python").join(requirements)).unwrap();
    let (interpreter, mark) = (folder.join("bin/python"), folder.join("installed.txt"));
    fs::create_dir_all(root.join("target")).unwrap();
    // One at a time, whatever process it is; the lock goes with the process.
    let lock = File::create(root.join("target").join(format!("{name}.lock"))).unwrap();
    lock.lock().unwrap();
    if fs::read_to_string(&mark).is_ok_and(|installed| installed == wanted) {
        return interpreter;
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&folder));
    let install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&interpreter).args(install).arg(root.join("tools/python").join(requirements)));
    fs::write(mark, wanted).unwrap();
    interpreter
}

/// Its standard output.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}; python3 with venv is needed"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
