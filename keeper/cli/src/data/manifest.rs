//! `ballast data manifest`

use crate::{data, output};
use ballast_history::{MANIFEST, Manifest};
use clap::Args;
use eyre::WrapErr;
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// Hold the files against the manifest in the directory, instead of printing a new one
    #[arg(long)]
    verify: bool,
    /// Write the manifest into the directory, beside printing it
    #[arg(long, conflicts_with = "verify")]
    write: bool,
}

pub(crate) fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    let directory = data::directory(arguments.data.as_deref())?;
    let found = Manifest::of(&directory)?;
    if arguments.verify {
        let differences = Manifest::read(&directory)?.differences(&found);
        for (what, names) in [
            ("changed", &differences.changed),
            ("missing", &differences.missing),
            ("not in the manifest", &differences.unlisted),
        ] {
            for name in names {
                output::say(format!("{what}: {name}"))?;
            }
        }
        if !differences.is_empty() {
            return Ok(ExitCode::FAILURE);
        }
        output::say(format!("{} files are what the manifest says, version {}", found.files.len(), found.version))?;
        return Ok(ExitCode::SUCCESS);
    }
    if arguments.write {
        let path = directory.join(MANIFEST);
        fs::write(&path, serde_json::to_vec_pretty(&found)?)
            .wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    output::json(&found)?;
    Ok(ExitCode::SUCCESS)
}
