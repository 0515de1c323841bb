//! What an operator installs: the unit as systemd judges it, and the Debian package in a clean root.
//!
//! Wants systemd, mmdebstrap, binutils and dpkg-dev, which `make debian-tools` installs, and root.
#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

const UNIT: &str = "deploy/systemd/ballast.service";
/// What `systemd-analyze security` may find at most, in its tenths: 2.0 of 10.
const EXPOSURE: &str = "--threshold=20";
const BINARY: &str = env!("CARGO_BIN_EXE_ballast");

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap().join(path)
}

fn output(command: &mut Command) -> Output {
    let result = command.stdin(Stdio::null()).output();
    result.unwrap_or_else(|error| panic!("{command:?}: {error}; `make debian-tools` installs what is missing"))
}

/// Both streams of a command that succeeded.
#[track_caller]
fn done(command: &mut Command) -> String {
    let output = output(command);
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}: {text}");
    text
}

// SPEC X18, Y2
#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let directory = tempfile::tempdir().unwrap();
    let unit = directory.path().join("ballast.service");
    let text = fs::read_to_string(project(UNIT)).unwrap();
    assert!(text.contains("ExecStart=/usr/bin/ballast run "), "{text}");
    // It looks whether the command is there.
    fs::write(&unit, text.replace("/usr/bin/ballast", BINARY)).unwrap();
    assert_eq!(done(Command::new("systemd-analyze").arg("verify").arg(&unit)), "");
}

// SPEC X18, Y2
/// A secret that the unit does not hand over is not found by the service, whatever the operator put into the credential store.
#[test]
fn the_unit_hands_over_every_secret_of_the_service() {
    let read = |path: &str| fs::read_to_string(project(path)).unwrap();
    let (unit, encrypted) = (read("deploy/systemd/ballast.service"), read("deploy/systemd/encrypted-credentials.conf"));
    let handed = |text: &str, directive: &str| -> BTreeSet<String> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(directive));
        lines.filter(|name| !name.contains(':')).map(str::to_owned).collect()
    };
    let documented = read("docs/CONFIG.md");
    let section = documented.split("## Secrets").nth(1).unwrap().split("## Environment").next().unwrap();
    // What a person pulls stands in a row of its own.
    let rows = section.lines().filter(|line| !line.contains("`ballast data pull`"));
    let rows = rows.filter_map(|line| line.strip_prefix("| `")).filter_map(|line| line.split(" | ").next());
    // Development keys, and what a person types.
    let for_a_person = |name: &str| name.starts_with("BALLAST_DEV_") || name == "BALLAST_KEYSTORE_PASSPHRASE";
    let names = rows.flat_map(|row| row.split(", ")).map(|name| name.trim_matches('`').to_owned());
    let wanted: BTreeSet<String> = names.filter(|name| !for_a_person(name)).collect();
    assert!(wanted.len() > 5, "{wanted:?}");
    assert_eq!(handed(&unit, "LoadCredential="), wanted);
    assert_eq!(handed(&encrypted, "LoadCredentialEncrypted="), wanted);
}

#[test]
fn the_unit_exposes_little() {
    let report =
        done(Command::new("systemd-analyze").args(["security", "--offline=true", EXPOSURE]).arg(project(UNIT)));
    assert!(report.contains("Overall exposure level for ballast.service"), "{report}");
    // The two that count most in a service that holds keys, whatever the sum.
    for setting in ["✓ CapabilityBoundingSet=~CAP_SYS_ADMIN", "✓ User=/DynamicUser="] {
        assert!(report.contains(setting), "{setting} is missing in {report}");
    }
}

/// A Debian of the release that this machine runs, with nothing but what is essential.
struct CleanRoot {
    path: PathBuf,
    _directory: tempfile::TempDir,
}

impl CleanRoot {
    fn make() -> Self {
        let release = fs::read_to_string("/etc/os-release").unwrap();
        let suite = release.lines().find_map(|line| line.strip_prefix("VERSION_CODENAME=")).expect("a Debian release");
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("root");
        done(Command::new("mmdebstrap").args(["--quiet", "--variant=essential", suite]).arg(&path));
        Self { path, _directory: directory }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new("chroot");
        output(
            command
                .arg(&self.path)
                .args(arguments)
                .env_clear()
                .env("DEBIAN_FRONTEND", "noninteractive")
                .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        )
    }

    #[track_caller]
    fn done(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{arguments:?}: {text}");
        text
    }

    fn at(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.at(path)).unwrap().permissions().mode() & 0o7777
    }

    fn installs(&self, package: &Path) {
        fs::copy(package, self.at("package.deb")).unwrap();
        self.done(&["dpkg", "--install", "/package.deb"]);
    }

    /// As if systemd ran, which in a chroot it cannot: what it is asked to do is written down.
    fn watch_systemctl(&self) {
        fs::create_dir_all(self.at("run/systemd/system")).unwrap();
        let systemctl = self.at("usr/bin/systemctl");
        fs::write(&systemctl, "#!/bin/sh\necho \"$*\" >> /systemctl.log\n").unwrap();
        fs::set_permissions(&systemctl, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// What systemd was asked since the last time.
    fn asked_of_systemd(&self) -> String {
        let log = self.at("systemctl.log");
        let text = fs::read_to_string(&log).unwrap_or_default();
        fs::write(log, "").unwrap();
        text
    }
}

fn package(version: &str, directory: &Path) -> PathBuf {
    let mut build = Command::new(project("deploy/debian/build"));
    // Little effort on compression: it is unpacked here and thrown away.
    let output = output(build.arg(BINARY).arg(directory).arg(version).env("DEB_COMPRESSION", "-Zgzip -z1"));
    assert!(output.status.success(), "{output:?}");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

// SPEC Y2
#[test]
fn the_package_installs_upgrades_keeping_the_configuration_and_forgets_only_when_purged() {
    const CONFIG: &str = "etc/ballast/ballast.toml";
    const UNIT_FILE: &str = "lib/systemd/system/ballast.service";
    const STORE: &str = "var/lib/private/ballast/keeper.sqlite";
    let directory = tempfile::tempdir().unwrap();
    let root = CleanRoot::make();
    root.installs(&package("1.0.0", directory.path()));
    assert!(root.done(&["ballast", "--version"]).starts_with("ballast "));
    assert_eq!(root.mode(CONFIG), 0o640, "providers' keys are in its URLs");
    let checked = root.done(&["ballast", "config", "check", "--offline", "--config", "/etc/ballast/ballast.toml"]);
    assert!(checked.contains("is valid"), "{checked}");
    let installed = fs::read_to_string(root.at(UNIT_FILE)).unwrap();
    assert_eq!(installed, fs::read_to_string(project(UNIT)).unwrap());
    assert!(
        !root.at("etc/systemd/system/multi-user.target.wants/ballast.service").exists(),
        "enabling is the operator's"
    );

    // An operator at work: enabled, configured, with a store where systemd puts it.
    root.watch_systemctl();
    // What `systemctl enable` makes of the unit's [Install].
    let wants = root.at("etc/systemd/system/multi-user.target.wants");
    fs::create_dir_all(&wants).unwrap();
    symlink("/lib/systemd/system/ballast.service", wants.join("ballast.service")).unwrap();
    let edited = fs::read_to_string(root.at(CONFIG)).unwrap().replace("min_gain = 10", "min_gain = 25");
    fs::write(root.at(CONFIG), &edited).unwrap();
    fs::create_dir_all(root.at(STORE).parent().unwrap()).unwrap();
    symlink("private/ballast", root.at("var/lib/ballast")).unwrap();
    fs::write(root.at(STORE), "decisions").unwrap();

    root.installs(&package("1.0.1", directory.path()));
    assert_eq!(root.done(&["dpkg-query", "-W", "-f", "${Version} ${db:Status-Status}", "ballast"]), "1.0.1 installed");
    assert_eq!(fs::read_to_string(root.at(CONFIG)).unwrap(), edited);
    let asked = root.asked_of_systemd();
    assert!(asked.contains("daemon-reload") && asked.contains("try-restart ballast.service"), "{asked}");
    assert!(!asked.contains("stop"), "it runs on until the new version is there: {asked}");

    root.done(&["dpkg", "--remove", "ballast"]);
    assert!(root.asked_of_systemd().contains("stop ballast.service"));
    assert!(!root.at("usr/bin/ballast").exists() && !root.at(UNIT_FILE).exists());
    assert_eq!(fs::read_to_string(root.at(CONFIG)).unwrap(), edited, "removed is not purged");
    assert_eq!(fs::read_to_string(root.at(STORE)).unwrap(), "decisions");

    root.installs(&package("1.0.1", directory.path()));
    assert!(root.at("etc/systemd/system/multi-user.target.wants/ballast.service").is_symlink(), "enabled as it was");
    root.done(&["dpkg", "--purge", "ballast"]);
    for gone in ["etc/ballast", "var/lib/ballast", "var/lib/private/ballast", "usr/share/doc/ballast"] {
        assert!(!root.at(gone).exists() && !root.at(gone).is_symlink(), "{gone} is left");
    }
    let left = root.done(&["find", "/etc", "/var/lib", "-name", "*ballast*"]);
    assert_eq!(left, "");
}
