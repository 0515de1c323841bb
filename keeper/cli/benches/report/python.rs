//! Programs of others, in an environment of their own under target/.

use eyre::{WrapErr, ensure};
use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
};

/// What the script `name` of tools/python writes to its standard output, given `input` on its standard input. The interpreter has the packages of
/// tools/python/bench-requirements.txt.
pub(crate) fn ask(root: &Path, name: &str, input: String) -> eyre::Result<String> {
    let mut child = Command::new(interpreter(root)?)
        .arg(root.join("tools/python").join(name))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .wrap_err("cannot run the interpreter")?;
    let stdin = child.stdin.take();
    // Beside the reading: a full pipe would hold both up. Should the script not read it all, its exit status says why.
    let writer = thread::spawn(move || stdin.map(|mut stdin| stdin.write_all(input.as_bytes())));
    let output = child.wait_with_output()?;
    drop(writer.join());
    ensure!(output.status.success(), "{name} failed: {}", output.status);
    Ok(String::from_utf8(output.stdout)?)
}

/// Made when it is absent or was made of other packages.
fn interpreter(root: &Path) -> eyre::Result<PathBuf> {
    let wanted = fs::read_to_string(root.join("tools/python/bench-requirements.txt"))?;
    let venv = root.join("target/venv-bench");
    let (python, made_of) = (venv.join("bin/python"), venv.join("requirements.txt"));
    if fs::read_to_string(&made_of).is_ok_and(|made_of| made_of == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv))?;
    fs::write(venv.join("wanted.txt"), &wanted)?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    run(Command::new(&python).args(pip).arg(venv.join("wanted.txt")))?;
    fs::rename(venv.join("wanted.txt"), made_of)?;
    Ok(python)
}

fn run(command: &mut Command) -> eyre::Result<()> {
    let status = command.status().wrap_err_with(|| format!("cannot run {command:?}, expected python3 with venv"))?;
    ensure!(status.success(), "{command:?}: {status}");
    Ok(())
}
